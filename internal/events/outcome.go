package events

// Outcome is what became of an event, or of a request that held none. Outcomes are
// labels of a metric: they are added, never renamed.
type Outcome string

// The outcomes of events that were taken; the answer is 200.
const (
	// Nudged events started a tick.
	Nudged Outcome = "nudged"
	// UnknownKind events started a tick too. They are told apart because somebody
	// may have subscribed to more than is of use here.
	UnknownKind Outcome = "unknown-kind"
	// Replayed events came before, within a day. Senders repeat what they believe
	// undelivered, so a few of them are normal.
	Replayed Outcome = "replayed"
	// Stale events are too old to be news: the ticks since have seen it.
	Stale Outcome = "stale"
	// Early events come from the future: a clock is wrong, here or there.
	Early Outcome = "early"
	// Limited events came in a storm in which others of their source have nudged.
	Limited Outcome = "limited"
	// Handshake is a subscription that was confirmed. It holds no event.
	Handshake Outcome = "handshake"
)

// The outcomes of requests that were refused as a whole.
const (
	// Forged requests had no secret, or a wrong one: 401.
	Forged Outcome = "forged"
	// Oversized requests had more bytes than the source ever sends: 413.
	Oversized Outcome = "oversized"
	// Malformed requests were cut off or held something else than events: 400.
	Malformed Outcome = "malformed"
	// Unsupported requests had another method, content type or encoding: 405, 415.
	Unsupported Outcome = "unsupported"
	// Unready requests came while the source's secret was empty: 503. They may have
	// been genuine, and are worth repeating.
	Unready Outcome = "unready"
)

// Outcomes returns every outcome, in the order in which they are shown.
func Outcomes() []Outcome {
	return []Outcome{
		Nudged, UnknownKind, Replayed, Stale, Early, Limited, Handshake,
		Forged, Oversized, Malformed, Unsupported, Unready,
	}
}

// nudges reports whether an event with this outcome starts a tick.
func (o Outcome) nudges() bool { return o == Nudged || o == UnknownKind }

// Count is how often one outcome of one source was seen.
type Count struct {
	Source  Source
	Outcome Outcome
	N       uint64
}
