package probe

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A field that someone adds to what a snapshot stores as JSON must survive it.
func TestSnapshotKeepsEveryField(t *testing.T) {
	m := NewAnswers()
	m.Machine = &Machine{}
	var s Socket
	var p PipeFill
	everyField(reflect.ValueOf(m.Machine).Elem())
	everyField(reflect.ValueOf(&s).Elem())
	everyField(reflect.ValueOf(&p).Elem())
	m.Sockets[s.PID] = SocketAnswer{Asked: []int{s.FD}, Rows: []Socket{s}}
	m.Pipes["7/1"] = p
	m.Files["7/stat"] = []byte("7 (\x00\xff) S")
	m.Links["7/fd/1"] = "/tmp/\xff (deleted)"
	m.Dirs["7/fd"] = []string{"1"}
	m.Failed[Question{"read", "7/syscall"}] = Failure{"denied", "no"}
	second := NewAnswers()
	second.Files["7/stat"] = []byte("7 (x) Z")
	moment := &Moment{At: time.Unix(1e9, 123456789).UTC(), Over: 1234567891, Asked: []*Answers{m, second}, LeftOut: []int{9}}
	meta := SnapshotMeta{Host: "h", Kernel: "k", Arch: "arm64", Boot: time.Unix(9e8, 1).UTC(), Ticks: 250, UID: 5, Tool: "t",
		Trees: []CapturedTree{{PIDs: []int{7}, Overdue: "o", Doing: map[int]string{7: "d"}}}}

	was := NewSnapshot(meta, []*Moment{moment})
	var b bytes.Buffer
	if err := was.Save(&b); err != nil {
		t.Fatal(err)
	}
	is, err := ReadSnapshot(&b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(was.Meta, is.Meta); diff != "" {
		t.Errorf("snapshot.json (-was +is):\n%s", diff)
	}
	if diff := cmp.Diff(was.moments, is.moments); diff != "" {
		t.Errorf("sample 0 (-was +is):\n%s", diff)
	}
}

// everyField gives every field a value of its own.
func everyField(v reflect.Value) {
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.String:
			f.SetString(v.Type().Field(i).Name)
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Int, reflect.Int64:
			f.SetInt(int64(i + 100))
		case reflect.Uint64:
			f.SetUint(1<<63 + uint64(i))
		case reflect.Float64:
			f.SetFloat(float64(i) + 0.25)
		case reflect.Struct:
			everyField(f)
		case reflect.Slice:
			f.Set(reflect.MakeSlice(f.Type(), 1, 1))
			everyField(f.Index(0))
		default:
			panic("a field of a kind that this test does not know: " + v.Type().Field(i).Name)
		}
	}
}
