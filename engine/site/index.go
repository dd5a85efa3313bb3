package site

import (
	"bytes"
	"encoding/json"
)

// indexFile is loaded when somebody begins to search: it is larger than a page.
const indexFile = "search-index.js"

// found is what the search knows of a section.
type found struct {
	Href  string `json:"href"`
	Page  string `json:"page"`
	Title string `json:"title,omitempty"` // of the section, below the page's
	Text  string `json:"text"`
}

// index is a script and no JSON, because a page that was opened from a directory
// may not read files.
func (m *survey) index(pages []Page) []byte {
	var b bytes.Buffer
	b.WriteString("window.runbookIndex = [\n")
	for _, p := range pages {
		for _, section := range m.sections[p.Path] {
			row := found{Href: escaped(p.Path), Page: p.Title, Text: section.Text}
			if section.Level > 1 {
				row.Href += "#" + escapedID(section.ID)
				row.Title = section.Title
			}
			line, err := json.Marshal(row) // which escapes what could end a script
			if err != nil {
				panic(err) // plain strings: our bug
			}
			b.Write(line)
			b.WriteString(",\n")
		}
	}
	b.WriteString("];\n")
	return b.Bytes()
}
