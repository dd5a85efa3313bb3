package sink

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"runbook/engine/event"
)

// fill sets every field below v to something that is not its zero.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == timeType {
			v.Set(reflect.ValueOf(time.Unix(int64(*n), 5).UTC()))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case reflect.Interface:
		v.Set(reflect.ValueOf(int64(*n)))
	case reflect.String:
		v.SetString("text \"quoted\" \\ é \x1b \u009b " + string(rune('a'+*n%26)))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Bool:
		v.SetBool(true)
	}
}

func TestNoFieldOfAFindingIsForgotten(t *testing.T) {
	var f event.Finding
	n := 0
	fill(reflect.ValueOf(&f).Elem(), &n)
	same(t, event.Event{Seq: 3, At: time.Unix(1, 2).UTC(), Kind: event.KindFound, Step: "blame", Found: &f})
	same(t, event.Event{Seq: 3, At: time.Unix(1, 2).UTC(), Kind: event.KindFound, Found: &event.Finding{}})
	same(t, event.Event{Kind: event.KindFound, Found: &event.Finding{
		Victims: []event.Subject{}, Members: []event.Subject{{}}, Evidence: []event.Fields{{}, {
			{Name: "none", Value: nil}, {Name: "yes", Value: true}, {Name: "big", Value: uint64(1<<64 - 1)}, {Name: "ratio", Value: 0.25}, {Name: "tiny", Value: 1e-30},
			{Name: "list", Value: []any{int64(-1), "x", []any{}, event.Fields{{Name: "in", Value: "y"}}}},
		}},
	}})
}

// same holds that a line of ours and one of encoding/json mean the same.
func same(t *testing.T, e event.Event) {
	t.Helper()
	var b bytes.Buffer
	if err := encodeLine(&b, e); err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var ours, theirs event.Event
	if err := json.Unmarshal(b.Bytes(), &ours); err != nil {
		t.Fatalf("%v in %s", err, b.Bytes())
	}
	if err := json.Unmarshal(want, &theirs); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(theirs, ours); diff != "" {
		t.Errorf("(-encoding/json +ours):\n%s\n%s", diff, b.Bytes())
	}
}

// TestAsTheyAre puts each byte at each place of two words of another one, and
// counts by the table.
func TestAsTheyAre(t *testing.T) {
	for _, rest := range []byte{'a', ' ', '~', '!', '#', '[', ']', 0, 0x7f, 0x80, 0xff} {
		for c := range 256 {
			for at := range 19 {
				s := bytes.Repeat([]byte{rest}, 19)
				s[at] = byte(c)
				want := 0
				for want < len(s) && asItIs[s[want]] {
					want++
				}
				if got := asTheyAre(string(s)); got != want {
					t.Fatalf("%q: %d bytes, by the table %d", s, got, want)
				}
			}
		}
	}
}

func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "plain", "\"\\\n\t\r\x00\x7f", "\xff\xc3", "\u2028é日\U0001f600\u009b\u202e\U000e0001", "\ufffd"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var got, want string
		line := appendString(nil, s)
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		text, _ := json.Marshal(s)
		_ = json.Unmarshal(text, &want)
		if got != want {
			t.Errorf("%q became %q", s, got)
		}
	})
}
