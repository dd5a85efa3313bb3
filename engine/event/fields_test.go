package event

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestFieldsComeBackAsTheyWere(t *testing.T) {
	for name, f := range map[string]Fields{
		"empty":              {},
		"order is kept":      {{"z", "last letter"}, {"a", "first"}, {"m", "middle"}},
		"64 bits":            {{"min", int64(math.MinInt64)}, {"max", int64(math.MaxInt64)}, {"inode", uint64(math.MaxUint64)}},
		"a whole float":      {{"share", 1.0}, {"zero", 0.0}, {"minus", math.Copysign(0, -1)}, {"huge", 1e300}, {"half", 0.5}},
		"unknown is no text": {{"wchan", nil}, {"empty", ""}},
		"lists and records":  {{"pids", []any{int64(1), int64(2), 3.0}}, {"none", []any{}}, {"peer", Fields{{"pid", int64(7)}, {"deeper", Fields{{"x", true}}}}}},
		"text":               {{"quote", `"<&>\`}, {"line", "a\nb\tc"}, {"wide", "漢字 é"}},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := json.Marshal(f)
			if err != nil {
				t.Fatal(err)
			}
			var back Fields
			if err := json.Unmarshal(data, &back); err != nil {
				t.Fatalf("%s: %v", data, err)
			}
			if !reflect.DeepEqual(f, back) {
				t.Errorf("%s\n gave %#v\n want %#v", data, back, f)
			}
		})
	}
}

func TestFieldsRefuseWhatIsNoObject(t *testing.T) {
	for _, text := range []string{`[1]`, `7`, `"a"`, `{"a":`, `{"a":1e999}`, `{"a":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`} {
		var f Fields
		if err := json.Unmarshal([]byte(text), &f); err == nil {
			t.Errorf("%.40s: read as %v, want an error", text, f)
		}
	}
}

func TestFieldsGet(t *testing.T) {
	f := Fields{{"a", nil}, {"b", int64(2)}, {"b", int64(3)}}
	if v, ok := f.Get("b"); !ok || v != int64(2) {
		t.Errorf("b is %v, %v; want the first, 2", v, ok)
	}
	if v, ok := f.Get("a"); !ok || v != nil {
		t.Errorf("a is %v, %v; want nil (unknown), and there", v, ok)
	}
	if _, ok := f.Get("c"); ok {
		t.Error("c was found")
	}
}

func FuzzFields(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":[1.0,null,{"c":18446744073709551615}]}`))
	f.Add([]byte(`{"a":-0.0,"a":1e5}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var one Fields
		if json.Unmarshal(data, &one) != nil {
			return
		}
		again, err := json.Marshal(one)
		if err != nil {
			t.Fatalf("read, but cannot be written: %v", err)
		}
		var two Fields
		if err := json.Unmarshal(again, &two); err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		if !reflect.DeepEqual(one, two) {
			t.Errorf("%s: %#v, then %#v", again, one, two)
		}
	})
}
