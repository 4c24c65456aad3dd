package azuresim

import "bytes"

// plainJSON turns the relaxed JSON that deployments may be written in into JSON: comments go, member names without quotes get them
// (az sends its template so), and lines may end inside of a text. What is wrong besides stays wrong.
func plainJSON(data []byte) []byte {
	out := make([]byte, 0, len(data)+2)
	for i := 0; i < len(data); {
		rest := data[i:]
		n := 1
		switch c := data[i]; {
		case c == '"':
			n = textLength(rest)
			out = append(out, escapeLines(rest[:n])...)
		case bytes.HasPrefix(rest, []byte("//")):
			n = upTo(rest, "\n")
		case bytes.HasPrefix(rest, []byte("/*")):
			n = upTo(rest, "*/")
		case nameStart(c):
			for n < len(rest) && (nameStart(rest[n]) || rest[n] >= '0' && rest[n] <= '9') {
				n++
			}
			word := rest[:n]
			if after := bytes.TrimLeft(rest[n:], " \t\r\n"); len(after) > 0 && after[0] == ':' {
				word = append(append([]byte{'"'}, word...), '"')
			}
			out = append(out, word...)
		case c >= '0' && c <= '9': // with its exponent, which is no name
			for n < len(rest) && bytes.IndexByte([]byte("0123456789.eE+-"), rest[n]) >= 0 {
				n++
			}
			out = append(out, rest[:n]...)
		default:
			out = append(out, c)
		}
		i += n
	}
	return out
}

func nameStart(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c == '$' }

// textLength is the length of the text that data begins with, quotes included.
func textLength(data []byte) int {
	for i := 1; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		default:
		}
	}
	return len(data)
}

// upTo is the length up to and with the end of a comment.
func upTo(data []byte, end string) int {
	if i := bytes.Index(data, []byte(end)); i >= 0 {
		return i + len(end)
	}
	return len(data)
}

// escapeLines writes the line ends inside of a text as JSON wants them.
func escapeLines(text []byte) []byte {
	text = bytes.ReplaceAll(text, []byte("\r"), []byte(`\r`))
	text = bytes.ReplaceAll(text, []byte("\t"), []byte(`\t`))
	return bytes.ReplaceAll(text, []byte("\n"), []byte(`\n`))
}
