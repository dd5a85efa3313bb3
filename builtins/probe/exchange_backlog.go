package probe

// Backlog is the longest run of queries before each of which more than Floor
// earlier ones had their answer still to come.
//
//	two callers        ?a ?k =a =k  ?b ?l =l  ?c ?m =b =m  ?d ?n =c =n  ?e
//	open before each    0  1         0  1      1  2         1  2         1
//
// Where callers share a lane and no line names them, the distance of answer and
// query tells nothing: it is that of their turns. This does: each caller that
// waits for its answer leaves nothing open when all are served, and so the log
// is quiet now and then. A reply that nobody took is still open then, or the one
// that was left in its place is, and the log is never as quiet as before.
//
// Only a query whose own answer is among those to the next 16 queries counts as
// open: replies that were lost or dropped raise no backlog.
type Backlog struct {
	Floor   int
	From    int  // number of the first query of the run
	Queries int  // in it
	Quiet   int  // queries of the lane before which no more than Floor were open
	Usual   int  // queries in the longest of the other runs
	Busy    int  // in all other runs
	Left    bool // when the run ended, a query that was not given up had no answer
	Owner   Request
	Answer  LogMark // to the owner, one of those that were open at the first query
}

const (
	backlogFloors = 8
	backlogWindow = ringSize / 2
	backlogNear   = 4 // queries before one, all of which were answered if it counts as quiet
)

// floor is what is known of one floor: the run under way, and the longest.
type floor struct {
	quiet, usual, busy int
	now, longest       backlogRun
}

type backlogRun struct {
	from, queries int
	left          bool
	owner         request
}

// came marks the query to which an answer belongs, and those that were asked
// while it was open.
func (n *Lane) came(q *request, l *LogLine) {
	q.came = n.Queries
	q.answer.set(l)
	for i := max(q.number+1, n.Queries-backlogWindow+1); i <= n.Queries; i++ {
		n.at(i).open++
	}
}

// owner is the latest query at one of these distances whose own answer has not
// come; nil: each has.
func (n *Lane) owner(p *request, mask uint32) *request {
	for d := range maxShift + 1 {
		if q := n.at(p.number - d); q != nil && mask&(1<<d) != 0 && q.came == 0 {
			return q
		}
	}
	return nil
}

// settle takes a query whose fate, and that of those before it, is known.
func (n *Lane) settle(number int) {
	q := n.at(number)
	if q == nil {
		return
	}
	if q.open == 0 && number > n.given {
		n.QuietSince++
	}
	sure := n.unanswered(number-backlogNear, number) == 0
	for v := range n.floors {
		f := &n.floors[v]
		switch {
		case q.open <= v:
			n.ends(f, v, number, q.open)
			if sure {
				f.quiet++
			}
		case f.now.queries == 0:
			f.now.from = number
			f.now.owner.number = 0
			for i := max(1, number-backlogWindow+1); i < number; i++ {
				if o := n.at(i); o != nil && o.came >= number {
					f.now.owner.take(o)
				}
			}
			fallthrough
		default:
			f.now.queries++
		}
	}
}

// ends ends the run of a floor before a query, or behind the last one.
func (n *Lane) ends(f *floor, v, number, open int) {
	if f.now.queries == 0 {
		return
	}
	f.now.left = open+n.unanswered(max(f.now.from-1, number-backlogWindow), number) > v
	if f.now.queries > f.longest.queries {
		f.now, f.longest = f.longest, f.now // the buffers, too
	}
	f.usual = max(f.usual, f.now.queries)
	f.busy += f.now.queries
	f.now.queries = 0
}

// unanswered counts the queries from a number to another of which nothing is
// known: they were not given up, and have no answer.
func (n *Lane) unanswered(from, to int) int {
	count := 0
	for i := max(1, from); i < to; i++ {
		if q := n.at(i); q != nil && q.came == 0 && !q.isGiven {
			count++
		}
	}
	return count
}

// end settles what is left, and keeps the longest run of each floor.
func (n *Lane) end() {
	n.close()
	for i := max(1, n.Queries-backlogWindow); i <= n.Queries; i++ {
		n.settle(i)
	}
	for v := range n.floors {
		f := &n.floors[v]
		n.ends(f, v, n.Queries+1, 0)
		if r := &f.longest; r.queries > 0 && r.owner.number > 0 {
			n.Backlogs = append(n.Backlogs, Backlog{v, r.from, r.queries, f.quiet, f.usual, f.busy, r.left, r.owner.keep(), r.owner.answer.keep()})
		}
	}
}
