package probe

import "regexp"

// ExchangeQuery says what is a query, a response, and a request given up.
//
// Named groups say more: `key` is what a request asks for and its response
// speaks of, `id` marks both as belonging together, `lane` or `actor` is who
// asks. The only group without a name is the key, too. A response
// without a key is searched for the keys of the queries before it.
type ExchangeQuery struct {
	Paths                   []string
	Query, Response, GiveUp *regexp.Regexp
	Also                    []*regexp.Regexp // looked for in the same pass
}

// Exchange is how the responses of logs fall on their queries.
type Exchange struct {
	Files []LogFile
	Lanes []*Lane
	Also  []LogHits // as Also was given
}

// LogHits are the lines that a pattern matched.
type LogHits struct {
	Count int
	First []LogMark // at most maxHits
}

// LogMark is a line that was kept.
type LogMark struct {
	Path  string
	Line  int
	Time  string // as the line gives it; "" none
	Actor string
	Text  string
}

// Lane is one who asks and is answered: an actor, or a log that names none. All
// counts are of lines.
//
//	asked      #1 a   #2 b   #3 c   (given up)   #4 d   #5 e
//	answered       a      b                         c      d
//	shift          0      0                         1      1
//
// A response answers the latest query before it, or the one with its id. It
// belongs to the query with its key. The distance of the two, in queries, is the
// shift.
type Lane struct {
	Name, Stream string
	Queries      int
	Responses    int
	ByID         int // responses that were laid to their query by id
	Strangers    int // responses to no query of the 32 before
	Extra        int // responses after which came another, with no query between
	Overlaps     int // queries sent while the one before had neither answer nor end
	Repeats      int // lines that were there twice, one right after the other
	GivenUp      int // requests that a line says were given up
	Late         int // responses to these
	Telling      int // responses that would not fit if the shift were another
	Keys         int // different keys, counted up to 8
	Stretches    []Stretch
	StretchCount int // of which the longest are kept
	Backlogs     []Backlog
	QuietSince   int // queries after the last one given up before which none was open
	First, Last  LogMark

	folded []byte // the name, in small letters
	ring   [ringSize]request
	since  int // responses since the last query
	last   []byte
	keys   [8][]byte
	cur    *stretch
	floors [backlogFloors]floor
	given  int // number of the latest query that was given up
}

// Stretch is a run of responses with one shift.
type Stretch struct {
	Shift      int
	From, To   int // numbers of the first and last query that it answers
	Responses  int
	Wrong      int // of these, to another query than the one they answer
	Extra      int
	Drained    bool       // ended by a response too many: the one that was missing
	Mismatches []Mismatch // the first wrong ones
	Open       []Request  // given up or unanswered, between the owner of the first wrong answer and the query that got it
}

// Mismatch is an answer beside the query that it was taken for.
type Mismatch struct {
	Asked  Request
	Answer LogMark
	Key    string // of the answer
	Owner  Request
}

// Request is a query of a lane.
type Request struct {
	Number  int // 1, 2, 3 … in its lane
	Key, ID string
	Mark    LogMark
	GaveUp  *LogMark // the line that says so
}

const (
	ringSize      = 32
	maxShift      = 16
	maxLanes      = 1024
	maxStretches  = 64
	maxMismatches = 3
	maxHits       = 5
	maxKept       = 300 // bytes of a line that are kept
	maxKey        = 120
	otherLaneKey  = "\x00others"
)
