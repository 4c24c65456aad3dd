package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"hopguard/internal/azuresim"
)

// tally counts the requests to the simulated Azure.
type tally struct {
	TableLists int `json:"tableLists"`
	StateLists int `json:"stateLists"`
	// Pages are the further ones of any list.
	Pages int `json:"pages"`
	// Reads are those of one resource by its id, or of a list of anything else.
	Reads  int `json:"reads"`
	Writes int `json:"writes"`
	Other  int `json:"other"`
	// Refused are those of all kinds that were not answered with what was asked for.
	Refused int   `json:"refused"`
	Bytes   int64 `json:"bytes"`
	// CPU and Peak are those of the process of the simulated Azure.
	CPU  time.Duration `json:"cpu"`
	Peak int64         `json:"peak"`
}

func (t tally) minus(o tally) tally {
	return tally{
		TableLists: t.TableLists - o.TableLists, StateLists: t.StateLists - o.StateLists, Pages: t.Pages - o.Pages, Reads: t.Reads - o.Reads,
		Writes: t.Writes - o.Writes, Other: t.Other - o.Other, Refused: t.Refused - o.Refused, Bytes: t.Bytes - o.Bytes, CPU: t.CPU - o.CPU, Peak: t.Peak,
	}
}

func (t tally) plus(o tally) tally {
	return tally{
		TableLists: t.TableLists + o.TableLists, StateLists: t.StateLists + o.StateLists, Pages: t.Pages + o.Pages, Reads: t.Reads + o.Reads,
		Writes: t.Writes + o.Writes, Other: t.Other + o.Other, Refused: t.Refused + o.Refused, Bytes: t.Bytes + o.Bytes, CPU: t.CPU + o.CPU, Peak: o.Peak,
	}
}

func (t tally) calls() int {
	return t.TableLists + t.StateLists + t.Pages + t.Reads + t.Writes + t.Other
}

// counted is a handler that counts what another one serves.
type counted struct {
	serve http.Handler

	mu sync.Mutex
	n  tally
}

// ServeHTTP is part of http.Handler.
func (c *counted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := &measured{ResponseWriter: w, status: http.StatusOK}
	c.serve.ServeHTTP(a, r)
	c.mu.Lock()
	defer c.mu.Unlock()
	path := strings.ToLower(r.URL.Path)
	switch {
	case r.Method == http.MethodPut:
		c.n.Writes++
	case r.Method != http.MethodGet || !strings.HasPrefix(path, "/subscriptions/"):
		c.n.Other++
	case r.URL.Query().Has("$skiptoken") || r.URL.Query().Has("$skipToken"):
		c.n.Pages++
	case strings.HasSuffix(path, "/routetables"):
		c.n.TableLists++
	case r.URL.Query().Has("statusOnly"):
		c.n.StateLists++
	default:
		c.n.Reads++
	}
	c.n.Bytes += a.bytes
	if a.status >= http.StatusBadRequest {
		c.n.Refused++
	}
}

// read returns the counts so far.
func (c *counted) read() (tally, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.n
	var err error
	t.CPU, t.Peak, err = used()
	return t, err
}

// measured is an answer whose status and length are remembered.
type measured struct {
	http.ResponseWriter

	status int
	bytes  int64
}

// WriteHeader is part of http.ResponseWriter.
func (m *measured) WriteHeader(status int) {
	m.status = status
	m.ResponseWriter.WriteHeader(status)
}

// Write is part of http.ResponseWriter.
func (m *measured) Write(b []byte) (int, error) {
	n, err := m.ResponseWriter.Write(b)
	m.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (m *measured) Unwrap() http.ResponseWriter { return m.ResponseWriter }

// started is the first line of the process of the simulated Azure.
type started struct {
	Endpoint string        `json:"endpoint"`
	Took     time.Duration `json:"took"`
}

// serveCloud is the process of the simulated Azure: it serves the world over HTTPS until
// its input ends, and answers each line of it with the counts so far.
func serveCloud(ctx context.Context, z size, folder string, in io.Reader, out io.Writer) (err error) {
	began := time.Now()
	profile := azuresim.ProfileDefault()
	sim, err := azuresim.New(z.cloud(), azuresim.Options{Seed: 1, Profile: profile, CallLog: 1000})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sim.Close()) }()
	cert, err := azuresim.Certificate(folder)
	if err != nil {
		return err
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	count := &counted{serve: sim}
	server := &http.Server{
		Handler: count, ReadHeaderTimeout: 30 * time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.ServeTLS(ln, "", "") }) // it ends by Close
	defer serving.Wait()
	defer func() { _ = server.Close() }()
	tell := json.NewEncoder(out)
	if err := tell.Encode(started{Endpoint: fmt.Sprintf("https://%s", ln.Addr()), Took: time.Since(began)}); err != nil {
		return err
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		t, err := count.read()
		if err != nil {
			return err
		}
		if err := tell.Encode(t); err != nil {
			return err
		}
	}
	return nil
}
