package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"hopguard/internal/appliance"
	"hopguard/internal/decide"
)

// Notes keeps one small file for each group beside the records of File, in the folder
// notes below theirs: what is remembered of a group and decides nothing. Several
// processes of one machine may use one folder. It is safe for concurrent use.
type Notes struct {
	// Folder is that of the records. Required.
	Folder string
}

// Load returns what was stored, and its version; nil and "" without.
func (n Notes) Load(ctx context.Context, group appliance.GroupName) ([]byte, string, error) {
	path, err := n.path(group)
	if err != nil {
		return nil, "", err
	}
	if err := ctx.Err(); err != nil {
		return nil, "", fmt.Errorf("group %s: %w", group, err)
	}
	return readNote(path)
}

// Swap stores if the stored version is the given one, and returns the new version.
// Otherwise it changes nothing and its error wraps decide.ErrLostRace.
func (n Notes) Swap(ctx context.Context, group appliance.GroupName, raw []byte, version string) (string, error) {
	path, err := n.path(group)
	if err != nil {
		return "", err
	}
	folder := File{Folder: filepath.Dir(path)}
	if err := folder.makeFolder(); err != nil {
		return "", fmt.Errorf("make the folder of notes: %w", err)
	}
	unlock, err := lock(ctx, path)
	if err != nil {
		return "", err
	}
	defer unlock()
	_, stored, err := readNote(path)
	if err != nil {
		return "", err
	}
	if stored != version {
		return "", fmt.Errorf("group %s: %w: the notes are not as they were read", group, decide.ErrLostRace)
	}
	if err := replace(path, raw); err != nil {
		return "", err
	}
	return noteVersion(raw), nil
}

func (n Notes) path(group appliance.GroupName) (string, error) {
	name, err := FileName(group)
	return filepath.Join(n.Folder, "notes", name), err
}

func readNote(path string) ([]byte, string, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil
	}
	return raw, noteVersion(raw), err
}

// noteVersion is of the content: the same content is as good as no change.
func noteVersion(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}
