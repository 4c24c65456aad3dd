package azuresim

import (
	"encoding/json"
	"fmt"
	"time"
)

// FaultKind names what goes wrong.
type FaultKind string

// The kinds of fault. Those marked "gateway" are answered before the provider sees the request.
const (
	FaultExpiredToken FaultKind = "401-expired"           // gateway: the token has expired
	FaultForbidden    FaultKind = "403"                   // gateway: AuthorizationFailed
	FaultNotFound     FaultKind = "404"                   // gateway: ResourceNotFound
	FaultLocked       FaultKind = "409-scope-locked"      // gateway: ScopeLocked
	FaultPrecondition FaultKind = "412"                   // provider: PreconditionFailed
	FaultARM429       FaultKind = "429-arm"               // gateway: SubscriptionRequestsThrottled
	FaultNetwork429   FaultKind = "429-network"           // gateway: ResourceRequestsThrottled
	FaultCompute429   FaultKind = "429-compute"           // provider: OperationNotAllowed, TooManyRequests
	FaultBusy429      FaultKind = "429-another-operation" // provider: RetryableErrorDueToAnotherOperation
	Fault500          FaultKind = "500"                   // InternalServerError
	Fault502          FaultKind = "502"                   // an HTML page of some proxy
	Fault503          FaultKind = "503"                   // ServiceUnavailable
	Fault504          FaultKind = "504"                   // GatewayTimeout
	FaultReset        FaultKind = "reset"                 // the connection is reset; with Params applied=true after the work was done
	FaultTimeout      FaultKind = "timeout"               // no answer until the client gives up; applied=true as above
	FaultSlowBody     FaultKind = "slow-body"             // the body comes in pieces; Params delay = time between pieces (1s)
	FaultGarbage      FaultKind = "garbage"               // 200 with an HTML page
	FaultFailedPoll   FaultKind = "failed-poll"           // the write is accepted, its operation ends Failed
	FaultLaggingList  FaultKind = "lagging-list"          // lists are older; Params lag = how much (1m)
)

// Fault makes requests fail. Method, Path and Type select them; empty fields select everything.
type Fault struct {
	Kind FaultKind `json:"kind" yaml:"kind"`
	// Method is an HTTP method.
	Method string `json:"method,omitempty" yaml:"method,omitempty"`
	// Path is a regular expression that is looked for in the URL path, without regard to case.
	Path string `json:"path,omitempty" yaml:"path,omitempty"`
	// Type is a resource type such as Microsoft.Network/routeTables.
	Type string `json:"type,omitempty" yaml:"type,omitempty"`
	// Probability of each selected request to fail; 0 is certainty.
	Probability float64 `json:"probability,omitempty" yaml:"probability,omitempty"`
	// Count is how many requests fail before the fault is spent; 0 is without end.
	Count int `json:"count,omitempty" yaml:"count,omitempty"`
	// After is how many selected requests pass first.
	After int `json:"after,omitempty" yaml:"after,omitempty"`
	// Duration is how long the fault is active; 0 is without end.
	Duration time.Duration `json:"duration,omitempty" yaml:"duration,omitempty"`
	// Params refine the kind: retryAfter (whole seconds), applied, delay, lag, code, message, content (failed-poll: old or new).
	Params map[string]string `json:"params,omitempty" yaml:"params,omitempty"`
}

// UnmarshalJSON reads a fault whose duration is a text such as "30s"; an unknown member is an error.
func (f *Fault) UnmarshalJSON(data []byte) error {
	type plain Fault
	in := struct {
		*plain
		Duration string `json:"duration"`
	}{plain: (*plain)(f)}
	o, err := parseObject(data)
	if err != nil {
		return fmt.Errorf("fault: %w", err)
	}
	for _, m := range o {
		switch m.name {
		case "kind", "method", "path", "type", "probability", "count", "after", "duration", "params":
		default:
			return fmt.Errorf("fault: unknown member %q", m.name)
		}
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return fmt.Errorf("fault: %w", err)
	}
	if in.Duration == "" {
		return nil
	}
	if f.Duration, err = time.ParseDuration(in.Duration); err != nil {
		return fmt.Errorf("fault: duration: %w", err)
	}
	return nil
}
