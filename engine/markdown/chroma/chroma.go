// Package chroma stands in for the syntax highlighter that glamour links.
//
// The real one builds tables of 250 languages and 70 colour schemes while the
// program starts, whether anything is highlighted or not: half of the processor
// time of a whole `runbook run`. Our pages draw code in one colour. go.mod
// replaces the module by this folder, which has what glamour names and no more.
package chroma

// TokenType is a kind of word in source text.
type TokenType int

// The kinds for which glamour's styles have a colour.
const (
	Text TokenType = iota
	Error
	Comment
	CommentPreproc
	Keyword
	KeywordReserved
	KeywordNamespace
	KeywordType
	Operator
	Punctuation
	Name
	NameBuiltin
	NameTag
	NameAttribute
	NameClass
	NameConstant
	NameDecorator
	NameException
	NameFunction
	NameOther
	Literal
	LiteralNumber
	LiteralDate
	LiteralString
	LiteralStringEscape
	GenericDeleted
	GenericEmph
	GenericInserted
	GenericStrong
	GenericSubheading
	Background
)

// StyleEntries gives kinds their colours.
type StyleEntries map[TokenType]string

// Style is a colour scheme; here, a name.
type Style struct{ Name string }

// MustNewStyle returns a style of that name.
func MustNewStyle(name string, _ StyleEntries) *Style { return &Style{name} }
