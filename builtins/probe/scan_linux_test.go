package probe

import (
	"context"
	"strings"
	"testing"
)

// behind is a host that reads for another one, as a door does that learns late
// which host it is.
type behind struct {
	Host
	reads *[]string
}

func (b behind) ReadFile(ctx context.Context, path string, buf []byte) ([]byte, error) {
	*b.reads = append(*b.reads, path)
	return b.Host.ReadFile(ctx, path, buf)
}

func (b behind) Unwrap() Host { return b.Host }

// At 8,000 processes a scan that reads one command line after the other takes
// twice as long.
func TestAScanGoesPastAHostThatSaysWhatItWraps(t *testing.T) {
	var reads []string
	h := behind{live(t, LiveOptions{}), &reads}
	if _, err := scan(t.Context(), h, PSQuery{Match: benchMatch}); err != nil {
		t.Fatal(err)
	}
	for _, path := range reads {
		if strings.HasSuffix(path, "/cmdline") {
			t.Fatalf("read %s through the wrapper", path)
		}
	}
}
