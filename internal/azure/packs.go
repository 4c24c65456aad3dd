package azure

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// digest tells whether a text is the one that was read before.
type digest [sha256.Size]byte

func digestOf(text []byte) digest { return sha256.Sum256(text) }

// packSize is how many texts are packed together: more make them smaller, and the way to
// one of them longer.
const packSize = 16

// pack is a few texts of a list, small: route tables are needed to the letter when they
// are written, which is seldom, and what their routes are in every tick. It is not
// changed once it is closed.
type pack struct{ data []byte }

// packed is where a text is.
type packed struct {
	in           *pack
	from, length int32
	sum          digest
}

// text returns the text.
func (p packed) text() (_ json.RawMessage, err error) {
	r := flate.NewReader(bytes.NewReader(p.in.data))
	defer func() { err = errors.Join(err, r.Close()) }()
	if _, err := io.CopyN(io.Discard, r, int64(p.from)); err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	text := make([]byte, p.length)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	if digestOf(text) != p.sum {
		return nil, errors.New("unpack: the text is not the one that was read")
	}
	return text, nil
}

// packer collects texts until they make a pack.
type packer struct {
	squeeze *squeezer
	now     *pack
	texts   int
	buf     []byte
}

// add packs a text. It can be read once the pack is full, or after close.
func (p *packer) add(text []byte, sum digest) (packed, error) {
	if p.now == nil {
		p.now, p.texts, p.buf = &pack{}, 0, p.buf[:0]
	}
	at := packed{in: p.now, from: int32(len(p.buf)), length: int32(len(text)), sum: sum}
	p.buf = append(p.buf, text...)
	p.texts++
	if p.texts == packSize {
		return at, p.close()
	}
	return at, nil
}

// close ends the pack that is under way, if any.
func (p *packer) close() (err error) {
	if p.now != nil {
		p.now.data, err = p.squeeze.squeeze(p.buf)
		p.now = nil
	}
	return err
}

// squeezer makes texts small, one after the other, because it takes a megabyte for that.
// The zero value is ready.
type squeezer struct {
	mu sync.Mutex
	w  *flate.Writer
}

func (s *squeezer) squeeze(text []byte) (_ []byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var small bytes.Buffer
	if s.w == nil {
		if s.w, err = flate.NewWriter(&small, flate.BestSpeed); err != nil {
			return nil, fmt.Errorf("pack: %w", err)
		}
	}
	s.w.Reset(&small)
	if _, err := s.w.Write(text); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	if err := s.w.Close(); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	return bytes.Clone(small.Bytes()), nil
}
