package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// Fields is an ordered list of named values: evidence and parameters keep the
// order in which they were said, which a Go map would lose.
//
// A value is nil (unknown), bool, int64, uint64, float64, string, Fields or
// []any of these. As JSON it is an object in that order; reading it back gives
// equal Fields, whole 64-bit integers included.
type Fields []Field

// Field is one named value.
type Field struct {
	Name  string
	Value any
}

// Get returns the value of the first field of that name.
func (f Fields) Get(name string) (any, bool) {
	for _, x := range f {
		if x.Name == name {
			return x.Value, true
		}
	}
	return nil, false
}

// MarshalJSON writes an object in order.
func (f Fields) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, x := range f {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := encode(&b, x.Name); err != nil {
			return nil, err
		}
		b.WriteByte(':')
		if err := encode(&b, x.Value); err != nil {
			return nil, fmt.Errorf("field %s: %w", x.Name, err)
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func encode(b *bytes.Buffer, v any) error {
	switch v := v.(type) {
	case float64:
		return encodeFloat(b, v)
	case []any:
		b.WriteByte('[')
		for i, x := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := encode(b, x); err != nil {
				return err
			}
		}
		b.WriteByte(']')
		return nil
	}
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1) // Encode ends with a newline
	return nil
}

// encodeFloat writes 1.0 as 1.0: encoding/json writes 1, which would come back
// as an integer.
func encodeFloat(b *bytes.Buffer, v float64) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	b.Write(text)
	if !bytes.ContainsAny(text, ".eE") {
		b.WriteString(".0")
	}
	return nil
}

// UnmarshalJSON reads an object and keeps its order.
func (f *Fields) UnmarshalJSON(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	v, err := decode(dec, 0)
	if err != nil {
		return err
	}
	switch v := v.(type) {
	case nil:
		*f = nil
	case Fields:
		*f = v
	default:
		return fmt.Errorf("fields: want an object, got %T", v)
	}
	return nil
}

const maxDepth = 64 // deeper than any evidence of ours, shallow enough for any stack

func decode(dec *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("fields: nested deeper than %d", maxDepth)
	}
	tok, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch tok := tok.(type) {
	case json.Delim:
		if tok == '[' {
			list := []any{}
			for dec.More() {
				v, err := decode(dec, depth+1)
				if err != nil {
					return nil, err
				}
				list = append(list, v)
			}
			_, err := dec.Token()
			return list, err
		}
		out := Fields{}
		for dec.More() {
			name, err := dec.Token()
			if err != nil {
				return nil, err
			}
			v, err := decode(dec, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, Field{Name: name.(string), Value: v})
		}
		_, err := dec.Token()
		return out, err
	case json.Number:
		return number(tok)
	default:
		return tok, nil // nil, bool, string
	}
}

func number(n json.Number) (any, error) {
	if i, err := strconv.ParseInt(n.String(), 10, 64); err == nil {
		return i, nil
	}
	if u, err := strconv.ParseUint(n.String(), 10, 64); err == nil {
		return u, nil
	}
	return n.Float64()
}
