package netlab_test

import (
	"bytes"
	"testing"

	"hopguard/internal/netlab"
)

func TestTCPAndUDPThroughAWire(t *testing.T) {
	l := newLine(t, netlab.Impairment{}, 1)
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for _, at := range []string{"10.0.2.1:80", "[fd02::1]:80"} {
		echo(t, l.left, l.right, at, data)
	}
	for _, at := range []string{"10.0.1.1:80", "[fd01::1]:80"} {
		echo(t, l.right, l.left, at, data)
	}
	t.Log(l.wire.Counts())
}
