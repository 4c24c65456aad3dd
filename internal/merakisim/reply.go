package merakisim

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// reply is one answer before it is written.
type reply struct {
	status int
	header http.Header
	body   []byte

	reset  bool          // the connection breaks instead
	hang   bool          // nothing comes
	late   time.Duration // passes before the answer
	pieces time.Duration // passes between the pieces of the body
}

// answer is an answer with JSON.
func answer(status int, v any) *reply {
	body, err := json.Marshal(v)
	if err != nil {
		panic("merakisim: encode an answer: " + err.Error())
	}
	return &reply{status: status, body: body, header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}}
}

// problem is an error in the form of page Errors.
func problem(status int, texts ...string) *reply {
	return answer(status, map[string][]string{"errors": texts})
}

// front is the page of the server in front of the API.
func front(status int) *reply {
	text := strconv.Itoa(status) + " " + http.StatusText(status)
	return &reply{
		status: status, header: http.Header{"Content-Type": {"text/html"}},
		body: []byte("<html>\r\n<head><title>" + text + "</title></head>\r\n<body>\r\n<center><h1>" + text + "</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"),
	}
}

// The texts of 401, 403 and 404 are [U]; that of 429 is in page Rate Limit.

func unauthorized() *reply { return problem(http.StatusUnauthorized, "Invalid API key") }

func forbidden() *reply {
	return problem(http.StatusForbidden, "You do not have permission to do this")
}

func notFound() *reply { return problem(http.StatusNotFound, "Not found") }

func throttled(seconds int) *reply {
	rep := problem(http.StatusTooManyRequests, "API rate limit exceeded for organization")
	rep.header.Set("Retry-After", strconv.Itoa(seconds))
	return rep
}

func frontThrottled() *reply { return front(http.StatusTooManyRequests) }
