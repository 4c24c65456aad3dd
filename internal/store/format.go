// Package store keeps the records of groups: in files, or in memory. It has the
// form of a stored record, also for the blobs that azure keeps.
//
// It guarantees compare-and-swap: of several writers that start from the same
// version one succeeds, and the others get an error that wraps
// decide.ErrLostRace. What a Swap has stored is complete and on the disk before
// it returns, also when the process is killed in the middle of another one. A
// file that cannot be understood is put aside under another name and never
// overwritten. It does not elect leaders and does not fence: a writer that was
// slow may still write to Azure, whose etags are the last guard. The file form
// needs a file system whose locks and renames work, so not every network share.
// app and azure import it, and the stand-ins that drive a tick.
package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
)

// format is the number of the form that this program reads and writes.
const format = 1

// document is what is stored for one group.
type document struct {
	Format int `json:"format"`
	// Version is a string in JSON, because not every reader of JSON has integers.
	Version uint64        `json:"version,string"`
	Record  decide.Record `json:"record"`
}

// ErrFormat says that a record was stored in a form that this program does not
// know. Nothing is wrong with it; it is left alone.
var ErrFormat = errors.New("unknown format")

// maxName is the most letters of a group's name that a store takes.
const maxName = 100

// FileName returns the name under which a store keeps the record of a group. The
// group's name may come from anywhere, so it must not lead out of the folder or to
// what belongs to another group.
func FileName(group appliance.GroupName) (string, error) {
	odd := func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		return !letter && r != '-' && r != '_' && r != '.'
	}
	if name := string(group); name == "" || name[0] == '.' || len(name) > maxName || strings.ContainsFunc(name, odd) {
		return "", fmt.Errorf("group %q cannot name a file: want letters, digits, dashes, dots", name)
	}
	return string(group) + ".json", nil
}

// Aside returns the n-th name, from 1, under which a corrupt file called name is
// kept that was found at now.
func Aside(name string, now time.Time, n int) string {
	first := name + ".corrupt-" + now.UTC().Format("20060102T150405Z")
	if n == 1 {
		return first
	}
	return first + "-" + strconv.Itoa(n)
}

// First returns the version of a new record. It begins at the time, and not at 1:
// after a record was put aside, a slow writer that has read version 1 of it must
// not fit the record that took its place.
func First(now time.Time) uint64 { return uint64(max(now.UnixMilli(), 1)) }

// Encode writes the document as a person can read it. All stores write this form,
// so that a record can be copied from one kind of store to another.
func Encode(version uint64, r decide.Record) ([]byte, error) {
	raw, err := json.MarshalIndent(document{Format: format, Version: version, Record: r}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	return append(raw, '\n'), nil
}

// Decode reads the document of a group. Its version is above zero. Its error wraps
// ErrFormat, or else says what is corrupt.
func Decode(raw []byte, group appliance.GroupName) (decide.Record, uint64, error) {
	// The format first: a later one may give every other member another type.
	var head struct {
		Format json.Number `json:"format"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return decide.Record{}, 0, err
	}
	switch n, err := strconv.Atoi(head.Format.String()); {
	case err != nil || n < 1:
		return decide.Record{}, 0, fmt.Errorf("format %q: want a number above zero", head.Format)
	case n != format:
		return decide.Record{}, 0, fmt.Errorf("%w %d: this program knows %d", ErrFormat, n, format)
	}
	var d document
	if err := json.Unmarshal(raw, &d); err != nil {
		return decide.Record{}, 0, err
	}
	if d.Version == 0 {
		return decide.Record{}, 0, errors.New("it has no version")
	}
	if d.Record.Group != group {
		return decide.Record{}, 0, fmt.Errorf("it is the record of group %q", d.Record.Group)
	}
	return d.Record, d.Version, nil
}

// word prints a version as callers see it; no record is "".
func word(version uint64) string {
	if version == 0 {
		return ""
	}
	return strconv.FormatUint(version, 10)
}

// lost says that the stored version is not the one that the caller has read.
func lost(group appliance.GroupName, stored uint64, read string) error {
	return fmt.Errorf("group %s: %w: stored is version %q, read was %q", group, decide.ErrLostRace, word(stored), read)
}
