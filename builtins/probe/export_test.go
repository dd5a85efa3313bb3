package probe

import "io"

// ReadSnapshotWithin is ReadSnapshot with a thousandth of its limits.
func ReadSnapshotWithin(r io.Reader) (*Snapshot, error) {
	return readSnapshot(r, limits{ourLimits.file / 1000, ourLimits.archive / 1000, ourLimits.entries / 1000})
}
