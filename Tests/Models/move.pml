/*
 * The rule by which one replica of a partition moves, for Spin.
 *
 * Row {A,X,Y} becomes {B,X,Y}; N=3, R=W=2. One client writes through some node and, once that was acknowledged,
 * reads through another. The layout log decides versions; every node adopts them at times of its own.
 *
 *     old            write old              read old
 *     dual write     write old and new      read old      then: fence, fill B
 *     read new       write old and new      read new      then: fence
 *     draining       write new              read new      then: B, X and Y cover A, which has adopted "read new"
 *     settled        write new              read new      A retires its file
 *
 * Fence: dual write and read new begin a fence, draining and settled keep it. A replica stores a request older than
 * the fence of its own version, but its answer does not count; one that does not hold the partition under its own
 * version refuses; one that is asked under a newer version adopts that first. The fence stands when enough replicas
 * of the old row have adopted it: N-W+1, and for the fence of read new also N-R+1. Nobody waits for the others.
 * Fill: B, which has adopted dual write, covers exactly those replicas by which the fence stood.
 *
 * A node that adopts another version while it coordinates goes on under it: it counts by the new rows and asks again
 * who has not answered. What was answered before stays a fact, unless a fence has begun since: then a replica may
 * have retired its file meanwhile, all are asked anew, and late answers to what was asked before do not count. A read
 * begins anew also when it must ask another row.
 *
 * Ways back, at any moment of
 *     dual write     old row alone, with the fence of before
 *     read new       write both, read old; that version is the fence of the *new* row, N-W+1 and N-R+1 of it;
 *                    then the old row alone; B is not drained
 *     draining       dual write of the other direction
 *     settled        the same
 *
 * The log has LAST versions after version 0, 5 by default: a move and the begin of a second one, or an abort and a
 * second move. Nodes may skip versions when they coordinate; a replica adopts one after the other, and retires its
 * file under each that does not let it hold the partition. It does so when it is asked something: before that nobody
 * can tell.
 *
 * Checked: a read that begins after a write was acknowledged, at whatever versions the two nodes are, meets a
 * replica that holds the write, after files were retired as well.
 *
 * A dead replica is one that takes no more steps, one that comes back takes a late one, and a restart keeps what was
 * adopted and stored: all of these are among the interleavings. So is a late request: it counts less often than one
 * under the present version, and a replica that holds the write hides it from nobody.
 *
 * Not modelled: stand-ins, lost disks and lost members, other quorums in the old row than in the new one, requests
 * with a smaller R than the fence reckons with, rows that differ in more than one member. Not shown, because leaving
 * it out loses no read here:
 *     - that A is drained before its file is retired: by the first fence each acknowledged write has W replicas in
 *       the new row. Draining is for what stand-ins and unfenced replicas were left with (SAFETY rule 10).
 *     - that the second fence blocks writes: those that count by the old row alone are stopped by the first.
 *     - that a write goes on under new rows: one that does not is like one whose node adopts late.
 *
 * Run:
 *     spin -a move.pml && cc -O2 -DSAFETY -o pan pan.c && ./pan -E           errors: 0
 * and also with -DREAD_QUORUM=1 -DWRITE_QUORUM=3, and with 3 and 1.
 *
 * Weaker rules, each of which must lose a read (errors: 1): add one of these to `spin -a`
 *     -DNO_FENCE                 B covers all three old replicas, whatever they have adopted
 *     -DWRITES_UNFENCED          the fence is waited for, but answers to older writes still count
 *     -DREADS_UNFENCED           the same with reads
 *     -DFENCE_OF_ONE             one replica is enough, and B covers that one
 *     -DSMALL_FENCE              the second fence is N-W+1 only; with R=1 and W=3
 *     -DNO_SECOND_FENCE          read new waits for nobody
 *     -DTHREE_STATES             dual write, then new only: read new is left out
 *     -DFILL_FROM_ANY            after the fence B covers any two old replicas
 *     -DFILL_FROM_ONE            B covers one of the fenced
 *     -DNO_FILL                  B starts empty
 *     -DABORT_UNFENCED           read new is taken back with its phase, but without waiting for its fence
 *     -DABORT_AT_ONCE            read new is taken back like dual write
 *     -DDRAINING_TAKEN_BACK      draining is taken back like read new
 *     -DNO_ADOPTION              a replica answers newer requests under its own version: what it stores for a version
 *                                in which it is a holder is retired under one before
 *     -DSTALE_ACKNOWLEDGEMENTS   what a write was answered before a fence stays a fact
 *     -DSTALE_ANSWERS            the same with a read
 *
 * Reports of an error that are wanted as well: -DWITNESS shows that a read which finds the write is reached, and
 * -DDEAD=A, X or Y that a move comes to draining though that replica never adopts anything.
 */

#ifndef READ_QUORUM
#define READ_QUORUM 2
#endif
#ifndef WRITE_QUORUM
#define WRITE_QUORUM 2
#endif
#ifndef LAST
#define LAST 5
#endif

#define A 0
#define B 1
#define X 2
#define Y 3

/* Sets of replicas are bit masks; X and Y belong to every row. */
#define BIT(replica) (1 << (replica))
#define HAS(set, replica) (((set) >> (replica)) & 1)
#define STAYING (BIT(X) | BIT(Y))
#define ROW(odd) (BIT(odd) | STAYING)
#define ALL (BIT(A) | BIT(B) | STAYING)
#define SIZE(set) (HAS(set, A) + HAS(set, B) + HAS(set, X) + HAS(set, Y))
#define MAX(a, b) ((a) > (b) -> (a) : (b))

/* Layouts, by version. The row of A or B is named by that one. */
byte decided;                   /* the greatest decided version */
bit readOf[LAST + 1];           /* the row that reads ask */
byte writeOf[LAST + 1];         /* the members of the rows that writes must reach */
byte holdersOf[LAST + 1];
byte fenceOf[LAST + 1];         /* older requests do not count */

byte adopted[4];                /* by replica */
byte holds;                     /* the replicas that have the write */

#define MAY_DECIDE (decided < LAST)

/* `fence` may refer to `decided`: the new version. */
inline decide(reading, writing, holding, fence) {
    decided++;
    readOf[decided] = reading;
    writeOf[decided] = writing;
    holdersOf[decided] = holding;
    fenceOf[decided] = fence;
    fenced = 0
}

/* Adopts at least `least`, in order; a file of a partition that is not held any more is retired. */
inline adopt(replica, least) {
#ifdef DEAD
    replica != DEAD;
#endif
    do
    :: adopted[replica] < decided ->
           adopted[replica]++;
           holds = holds & (holdersOf[adopted[replica]] | (ALL - BIT(replica)))
    :: adopted[replica] >= least -> break
    od
}

inline pick(set) {
    if
    :: HAS(set, A) -> picked = A
    :: HAS(set, B) -> picked = B
    :: HAS(set, X) -> picked = X
    :: HAS(set, Y) -> picked = Y
    fi
}

inline cover(target, source) {
    holds = holds | (HAS(holds, source) << (target))
}

#ifdef FENCE_OF_ONE
#define WRITE_BLOCKING 1
#else
#define WRITE_BLOCKING (4 - WRITE_QUORUM)
#endif
#ifdef SMALL_FENCE
#define BLOCKING WRITE_BLOCKING
#else
#define BLOCKING MAX(WRITE_BLOCKING, 4 - READ_QUORUM)
#endif

/* One more replica of the row has installed the fence. */
inline install(row) {
    pick(ROW(row) & (ALL - fenced));
    adopt(picked, fenceOf[decided]);
    fenced = fenced | BIT(picked);
    picked = 0
}

#define NEW (1 - old)

proctype Coordinator() {
    bit old = A;
    byte settledFence;
    byte fenced;            /* who is known to have installed the fence of the phase */
    byte picked;

settled:
    atomic { MAY_DECIDE -> decide(old, ALL, ALL, decided) }

    do
#ifdef NO_FENCE
    :: atomic { !fenced -> fenced = ROW(old); adopt(NEW, decided); break }
#else
    :: atomic { SIZE(fenced) < WRITE_BLOCKING -> install(old) }
    :: atomic { SIZE(fenced) >= WRITE_BLOCKING -> adopt(NEW, decided); break }
#endif
    :: atomic { MAY_DECIDE -> decide(old, ROW(old), ROW(old), settledFence); goto settled }
    od;
#ifdef FILL_FROM_ANY
    atomic { pick(ROW(old)); fenced = ROW(old) - BIT(picked); picked = 0 }
#endif
#ifdef FILL_FROM_ONE
    atomic { pick(fenced); fenced = BIT(picked); picked = 0 }
#endif
#ifdef NO_FILL
    fenced = 0;
#endif
    do
    :: atomic { fenced != 0 -> pick(fenced); cover(NEW, picked); fenced = fenced - BIT(picked); picked = 0 }
#ifdef THREE_STATES
    :: atomic { fenced == 0 && MAY_DECIDE -> goto flipping }
#else
    :: atomic { fenced == 0 && MAY_DECIDE -> decide(NEW, ALL, ALL, decided); break }
#endif
    :: atomic { MAY_DECIDE -> decide(old, ROW(old), ROW(old), settledFence); goto settled }
    od;

    do
#ifdef NO_SECOND_FENCE
    :: break
#else
    :: atomic { SIZE(fenced) < BLOCKING -> install(old) }
    :: atomic { SIZE(fenced) >= BLOCKING -> break }
#endif
#ifdef ABORT_AT_ONCE
    :: atomic { MAY_DECIDE -> decide(old, ROW(old), ROW(old), settledFence); goto settled }
#else
    :: atomic { MAY_DECIDE -> decide(old, ALL, ALL, decided); goto readOld }
#endif
    od;

flipping:
    atomic { MAY_DECIDE -> settledFence = fenceOf[decided]; decide(NEW, ROW(NEW), ALL, settledFence) }
#ifdef DEAD
    assert(false);
#endif

    if
    :: atomic { MAY_DECIDE -> adopt(old, settledFence); adopt(NEW, decided); cover(NEW, old) }
       atomic { adopt(X, decided); cover(X, old) }
       atomic { adopt(Y, decided); cover(Y, old) }
       atomic { MAY_DECIDE -> decide(NEW, ROW(NEW), ROW(NEW), settledFence) }
#ifdef DRAINING_TAKEN_BACK
    :: atomic { MAY_DECIDE -> decide(old, ALL, ALL, decided); goto readOld }
#endif
    :: atomic { MAY_DECIDE -> skip }     /* taken back: the move of the other direction */
    fi;
    atomic { old = NEW; goto settled };

readOld:
    do
#ifdef ABORT_UNFENCED
    :: break
#else
    :: atomic { SIZE(fenced) < BLOCKING -> install(NEW) }
    :: atomic { SIZE(fenced) >= BLOCKING -> break }
#endif
    od;
    atomic { MAY_DECIDE -> settledFence = fenceOf[decided]; decide(old, ROW(old), ALL, settledFence) }
    atomic { MAY_DECIDE -> decide(old, ROW(old), ROW(old), settledFence); goto settled }
}

#ifdef NO_ADOPTION
#define LEAST 0
#else
#define LEAST version
#endif
#define IS_HOLDER HAS(holdersOf[adopted[picked]], picked)
#ifdef WRITES_UNFENCED
#define WRITE_COUNTS true
#else
#define WRITE_COUNTS (version >= fenceOf[adopted[picked]])
#endif
#ifdef READS_UNFENCED
#define READ_COUNTS true
#else
#define READ_COUNTS (version >= fenceOf[adopted[picked]])
#endif

#define REACHES(odd) (!HAS(writeOf[version], odd) || SIZE(answered & ROW(odd)) >= WRITE_QUORUM)

/* A node may have any version when it begins. */
inline begin() {
    answered = 0;
    version = 0;
    do
    :: version < decided -> version++
    :: break
    od
}

/* Its node adopts a later version, perhaps not the next one. */
inline goOn() {
    before = version;
    version++;
    do
    :: version < decided -> version++
    :: break
    od
}

#define IS_FENCED (fenceOf[version] > before)
#ifdef STALE_ACKNOWLEDGEMENTS
#define WRITE_BEGINS_ANEW false
#else
#define WRITE_BEGINS_ANEW IS_FENCED
#endif
#ifdef STALE_ANSWERS
#define READ_BEGINS_ANEW (readOf[version] != readOf[before])
#else
#define READ_BEGINS_ANEW (IS_FENCED || readOf[version] != readOf[before])
#endif

proctype Client() {
    byte version;           /* by which the client's node counts */
    byte answered;
    byte picked;
    byte before;

    atomic { true -> begin() }
    do
    :: atomic { (writeOf[version] & (ALL - answered)) != 0 ->
           pick(writeOf[version] & (ALL - answered));
           adopt(picked, LEAST);
           if
           :: IS_HOLDER ->
                  holds = holds | BIT(picked);
                  answered = answered | (WRITE_COUNTS -> BIT(picked) : 0)
           :: else
           fi;
           picked = 0 }
    :: atomic { version < decided ->
           goOn();
           answered = (WRITE_BEGINS_ANEW -> 0 : answered & writeOf[version]);
           before = 0 }
    :: atomic { REACHES(A) && REACHES(B) -> begin(); break }
    od;

    do
    :: atomic { SIZE(answered) < READ_QUORUM ->
           pick(ROW(readOf[version]) & (ALL - answered));
           adopt(picked, LEAST);
           if
           :: IS_HOLDER && READ_COUNTS && HAS(holds, picked) -> goto found
           :: IS_HOLDER && READ_COUNTS && !HAS(holds, picked) -> answered = answered | BIT(picked)
           :: else
           fi;
           picked = 0 }
    :: atomic { version < decided ->
           goOn();
           answered = (READ_BEGINS_ANEW -> 0 : answered);
           before = 0 }
    :: SIZE(answered) >= READ_QUORUM -> break
    od;
    assert(false);

found:
#ifdef WITNESS
    assert(false)
#else
    skip
#endif
}

init {
    atomic {
        writeOf[0] = ROW(A);
        holdersOf[0] = ROW(A);
        run Coordinator();
        run Client()
    }
}
