package sink

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strconv"
	"unicode/utf8"

	"runbook/engine/event"
)

// encodeLine appends e as one line of JSON.
func encodeLine(b *bytes.Buffer, e event.Event) error {
	if e.Found != nil {
		line, err := appendFound(b.AvailableBuffer(), e)
		b.Write(line)
		return err
	}
	return encodeJSON(b, e, "")
}

// encodeJSON appends v and a newline, with no control character in it: JSON
// itself escapes C0 only, and a terminal that shows the text may obey the
// others. A number that JSON has no word for (a recipe divided by zero) becomes
// text rather than cost the whole record.
func encodeJSON(b *bytes.Buffer, v any, indent string) error {
	start := b.Len()
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	err := enc.Encode(v)
	if bad := (*json.UnsupportedValueError)(nil); errors.As(err, &bad) {
		b.Truncate(start)
		err = enc.Encode(finite(reflect.ValueOf(v)).Interface())
	}
	if err != nil {
		return err
	}
	if raw := b.Bytes()[start:]; needsEscape(raw) {
		safe := escape(raw)
		b.Truncate(start)
		b.Write(safe)
	}
	return nil
}

// needsEscape is the quick look before escape: nearly every line is ASCII.
func needsEscape(b []byte) bool {
	for _, c := range b {
		if c >= 0x7f {
			return true
		}
	}
	return false
}

// escape writes DEL, C1 and the invisible format characters as \uXXXX. All
// that is not ASCII in JSON stands inside strings, so no parsing is needed.
func escape(b []byte) []byte {
	out := make([]byte, 0, len(b)+32)
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r >= 0x7f && unsafeRune(r) && r <= 0xffff {
			out = append(out, `\u`...)
			out = append(out, hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		} else {
			out = append(out, b[:n]...)
		}
		b = b[n:]
	}
	return out
}

// finite copies v with every NaN and infinity inside an any as its name.
func finite(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == timeType {
			return v
		}
		out := reflect.New(v.Type()).Elem()
		for i := range v.NumField() {
			out.Field(i).Set(finite(v.Field(i)))
		}
		return out
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		out := reflect.New(v.Type().Elem())
		out.Elem().Set(finite(v.Elem()))
		return out
	case reflect.Interface:
		if v.IsNil() {
			return v
		}
		if f, ok := v.Interface().(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
			return reflect.ValueOf(strconv.FormatFloat(f, 'g', -1, 64))
		}
		return finite(v.Elem())
	case reflect.Slice:
		if v.IsNil() {
			return v
		}
		out := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			out.Index(i).Set(finite(v.Index(i)))
		}
		return out
	default:
		return v
	}
}
