package azure

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

const (
	// pageBuffer is how much of a page is in memory at first; an item that is longer makes it
	// grow.
	pageBuffer = 32 << 10
	// maxSpare is the most that a buffer may have grown to be kept for the next page.
	maxSpare = 1 << 20
)

// errNoPage says that a text is no page of a list.
var errNoPage = errors.New("not a page of a list")

// pageReader reads a page of a list from a stream, item by item, so that a page of a
// thousand route tables need not be in memory as a whole.
type pageReader struct {
	from io.Reader
	buf  []byte
	// pos is the next byte of buf to look at, and end the first that was not read. What
	// lies before keep is needed no more; -1 keeps nothing.
	pos, end, keep int
	// start is how the text begins.
	start []byte
}

// readPage calls each with the text of each item of a page, and returns the link to the
// next page. The text is only good during the call, and is not known to be valid JSON:
// only its brackets and strings were looked at. The error wraps errNoPage if the stream
// ends well and is no page; start is how it begins.
func readPage(from io.Reader, buffers *sync.Pool, each func(item []byte) error) (next string, start []byte, err error) {
	p := pageReader{from: from, keep: -1}
	if b, ok := buffers.Get().(*[]byte); ok {
		p.buf = *b
	} else {
		p.buf = make([]byte, pageBuffer)
	}
	defer func() {
		if len(p.buf) <= maxSpare {
			buffers.Put(&p.buf)
		}
	}()
	next, err = p.page(each)
	if errors.Is(err, io.EOF) {
		err = errNoPage
	}
	return next, p.start, err
}

func (p *pageReader) page(each func(item []byte) error) (next string, err error) {
	if err := p.take('{'); err != nil {
		return "", err
	}
	listed := false
	for first := true; ; first = false {
		c, err := p.next()
		switch {
		case err != nil:
			return "", err
		case c == '}' && first:
			p.pos++
			return "", errNoPage
		case c == '}':
			p.pos++
			switch _, err := p.next(); {
			case errors.Is(err, io.EOF) && listed:
				return next, nil
			case err == nil || errors.Is(err, io.EOF):
				return "", errNoPage
			default:
				return "", err
			}
		case !first:
			if err := p.take(','); err != nil {
				return "", err
			}
		}
		var name string
		if err := p.decode(&name); err != nil {
			return "", err
		}
		if err := p.take(':'); err != nil {
			return "", err
		}
		switch c, err := p.next(); {
		case err != nil:
			return "", err
		case strings.EqualFold(name, "value") && c == '[':
			listed = true
			err = p.items(each)
			if err != nil {
				return "", err
			}
		case strings.EqualFold(name, "nextLink") && c == '"':
			err = p.decode(&next)
			if err != nil {
				return "", err
			}
		default:
			var other json.RawMessage
			if err := p.decode(&other); err != nil {
				return "", err
			}
			if strings.EqualFold(name, "value") || strings.EqualFold(name, "nextLink") && string(other) != "null" {
				return "", errNoPage
			}
		}
	}
}

// items reads the list itself.
func (p *pageReader) items(each func(item []byte) error) error {
	p.pos++ // its bracket
	for first := true; ; first = false {
		c, err := p.next()
		switch {
		case err != nil:
			return err
		case c == ']':
			p.pos++
			return nil
		case !first:
			if err := p.take(','); err != nil {
				return err
			}
		}
		item, err := p.value()
		if err != nil {
			return err
		}
		if err := each(item); err != nil {
			return err
		}
	}
}

// decode reads a value.
func (p *pageReader) decode(to any) error {
	raw, err := p.value()
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, to); err != nil {
		return fmt.Errorf("%w: %w", errNoPage, err)
	}
	return nil
}

// take reads a byte that must come next, white space aside.
func (p *pageReader) take(want byte) error {
	c, err := p.next()
	if err != nil {
		return err
	}
	if c != want {
		return errNoPage
	}
	p.pos++
	return nil
}

// next returns the next byte that is no white space, without reading it. Its error is
// io.EOF at the end of the stream.
func (p *pageReader) next() (byte, error) {
	for {
		for p.pos < p.end {
			switch c := p.buf[p.pos]; c {
			case ' ', '\t', '\r', '\n':
				p.pos++
			default:
				return c, nil
			}
		}
		if err := p.fill(); err != nil {
			return 0, err
		}
	}
}

// value returns the text of the next value, which is good until the next call.
func (p *pageReader) value() ([]byte, error) {
	c, err := p.next()
	if err != nil {
		return nil, err
	}
	p.keep = p.pos
	defer func() { p.keep = -1 }()
	switch c {
	case '{', '[':
		err = p.brackets()
	case '"':
		err = p.text()
	default:
		err = p.word()
	}
	if err != nil {
		return nil, err
	}
	return p.buf[p.keep:p.pos], nil
}

// brackets reads on to the one that closes the one here.
func (p *pageReader) brackets() error {
	for depth := 0; ; {
		for p.pos < p.end {
			switch p.buf[p.pos] {
			case '"':
				if err := p.text(); err != nil {
					return err
				}
				continue
			case '{', '[':
				depth++
			case '}', ']':
				depth--
			}
			p.pos++
			if depth == 0 {
				return nil
			}
		}
		if err := p.more(); err != nil {
			return err
		}
	}
}

// text reads a string.
func (p *pageReader) text() error {
	for p.pos++; ; {
		for p.pos < p.end {
			switch p.buf[p.pos] {
			case '"':
				p.pos++
				return nil
			case '\\':
				p.pos += 2 // what it hides, too
			default:
				p.pos++
			}
		}
		if err := p.more(); err != nil {
			return err
		}
	}
}

// word reads a number or a name.
func (p *pageReader) word() error {
	for {
		i := bytes.IndexAny(p.buf[p.pos:p.end], ",:]} \t\r\n\"[{")
		switch {
		case i < 0:
			p.pos = p.end
		case p.pos+i == p.keep:
			return errNoPage
		default:
			p.pos += i
			return nil
		}
		if err := p.more(); err != nil {
			return err
		}
	}
}

// more is fill inside of a value, where the stream must not end.
func (p *pageReader) more() error {
	err := p.fill()
	if errors.Is(err, io.EOF) {
		return errNoPage
	}
	return err
}

// fill reads more, and moves what is kept to the beginning.
func (p *pageReader) fill() error {
	from := p.pos
	if p.keep >= 0 {
		from = p.keep
	}
	from = min(from, p.end)
	if from > 0 {
		copy(p.buf, p.buf[from:p.end])
		p.pos, p.end = p.pos-from, p.end-from
		if p.keep >= 0 {
			p.keep = 0
		}
	}
	if p.end == len(p.buf) {
		p.buf = slices.Grow(p.buf, len(p.buf))[:2*len(p.buf)]
	}
	n, err := p.from.Read(p.buf[p.end:])
	p.start = append(p.start, p.buf[p.end:p.end+min(n, 256-min(len(p.start), 256))]...)
	p.end += n
	if n > 0 {
		return nil
	}
	return err
}
