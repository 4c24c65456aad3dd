// Package store keeps the records of groups: in files, or in memory.
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

// errFormat says that a record was stored in a form that this program does not
// know. Nothing is wrong with it; it is left alone.
var errFormat = errors.New("unknown format")

// encode writes the document as a person can read it.
func encode(version uint64, r decide.Record) ([]byte, error) {
	raw, err := json.MarshalIndent(document{Format: format, Version: version, Record: r}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	return append(raw, '\n'), nil
}

// decode reads the document of a group. Its version is above zero. Its error wraps
// errFormat, or else says what is corrupt.
func decode(raw []byte, group appliance.GroupName) (decide.Record, uint64, error) {
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
		return decide.Record{}, 0, fmt.Errorf("%w %d: this program knows %d", errFormat, n, format)
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
