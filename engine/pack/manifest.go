package pack

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pelletier/go-toml/v2"
)

// API is the version of the recipe language: it grows when a word changes its
// meaning or goes, not when one is added.
const API = 1

// ManifestFile is at the top of a pack.
const ManifestFile = "pack.toml"

// Manifest is a pack.toml.
type Manifest struct {
	Name    string `toml:"name"`    // how its author calls it; "" = after its repository
	API     int    `toml:"api"`     // that it was written for
	Summary string `toml:"summary"` // a line for people
}

// ReadManifest reads the pack.toml of a pack. Errors: fs.ErrNotExist; one that
// names the line; the pack is for another version of the language; it says
// something that we do not know: a pack that names what it needs must not be
// run by one that does not read that.
func ReadManifest(files fs.FS) (Manifest, error) {
	var m Manifest
	b, err := fs.ReadFile(files, ManifestFile)
	if errors.Is(err, fs.ErrNotExist) {
		return m, fmt.Errorf("it has no %s, which says `api = %d`: %w", ManifestFile, API, fs.ErrNotExist)
	}
	if err != nil {
		return m, err
	}
	dec := toml.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	err = dec.Decode(&m)
	switch {
	case err != nil && m.API <= API: // a later version may say more, and is told so below
		return m, fmt.Errorf("%s: %w", ManifestFile, placed(err, "name, api, summary"))
	case m.API < 1:
		return m, fmt.Errorf("%s: it does not say for which version of recipes it was written: api = %d", ManifestFile, API)
	case m.API > API:
		return m, fmt.Errorf("%s: it was written for version %d of recipes, and this runbook knows %d: take a newer runbook, or an older pack", ManifestFile, m.API, API)
	case m.Name != "" && !names().MatchString(m.Name):
		return m, fmt.Errorf("%s: %q is no name of a pack: want small letters, digits, - and _", ManifestFile, m.Name)
	}
	return m, nil
}
