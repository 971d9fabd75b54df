/*
 * The rule by which one replica of a partition moves, for Spin.
 *
 * Row {A,X,Y} becomes {B,X,Y}; N=3, R=W=2. One client writes through node 0; another, once that write was
 * acknowledged, reads through node 1. The layout log decides versions 1, 2 and 3; every node adopts each at a
 * time of its own:
 *
 *     version 0  old            write old              read old
 *     version 1  dual write     write old and new      read old      then: barrier, fill B
 *     version 2  read new       write old and new      read new      then: barrier
 *     version 3  draining       write new              read new      then: barrier, drain A, retire its file
 *
 * Barrier: every member, dead ones awaited, adopts the version and finishes what it began under an older one
 * before it answers. Fill: B covers each of the old replicas, one after the other, after the barrier of version 1.
 *
 * Checked: a read that begins after a write was acknowledged, at whatever versions the two nodes are, meets a
 * replica that holds the write; and none is lost when the former owner's file is gone.
 *
 * Not modelled: crashes, several moves at once, stand-ins, a lost disk. An awaited dead node is a node that takes
 * its next step late, which is one of the interleavings.
 *
 * Run:
 *     spin -a move.pml && cc -O2 -DSAFETY -o pan pan.c && ./pan              errors: 0
 *
 * Weaker rules, each of which must lose a read (errors: 1): add one of these to `spin -a`
 *     -DTHREE_STATES   dual write, then new only: version 2 is left out
 *     -DNO_BARRIER     no version waits for anyone
 *     -DNO_DRAIN       nodes answer as soon as they have adopted, with older requests still in flight
 *     -DFILL_FROM_ONE  B covers one staying replica instead of all old ones
 *     -DNO_FILL        B starts empty
 *
 * -DWITNESS must report an error as well: it shows that a read after an acknowledged write is reached at all.
 */

#define A 0
#define X 1
#define Y 2
#define B 3
#define WRITER 0
#define READER 1

bool holds[4];          /* the replica has the write */
byte decided;           /* the greatest decided version */
byte adopted[2];        /* by node */
byte answered[2];       /* the greatest version whose barrier the node has answered */
bool isBusy[2];         /* the node has a request in flight */
byte busyVersion[2];    /* the version under which that request began */
bool isAcknowledged;

#ifdef NO_DRAIN
#define DRAINED(node) true
#else
#define DRAINED(node) (!isBusy[node] || busyVersion[node] >= adopted[node])
#endif

proctype Node(byte node) {
end:
    do
    :: atomic { adopted[node] < decided -> adopted[node] = decided }
    :: atomic { answered[node] < adopted[node] && DRAINED(node) -> answered[node] = adopted[node] }
    od
}

inline barrier(version) {
#ifndef NO_BARRIER
    (answered[WRITER] >= version && answered[READER] >= version)
#else
    skip
#endif
}

inline cover(target, source) {
    holds[target] = holds[target] || holds[source]
}

proctype Coordinator() {
    decided = 1;
    barrier(1);
#ifndef NO_FILL
    cover(B, X);
#ifndef FILL_FROM_ONE
    cover(B, Y);
    cover(B, A);
#endif
#endif
#ifndef THREE_STATES
    decided = 2;
    barrier(2);
#endif
    decided = 3;
    barrier(3);
    cover(B, A);
    cover(X, A);
    cover(Y, A);
    holds[A] = false
}

#define OLD_QUORUM (stored[A] + stored[X] + stored[Y] >= 2)
#define NEW_QUORUM (stored[B] + stored[X] + stored[Y] >= 2)

proctype Write() {
    byte version;
    bool stored[4];
end:
    atomic {
        version = adopted[WRITER];
        busyVersion[WRITER] = version;
        isBusy[WRITER] = true
    }
    do
    :: atomic { version < 3 && !stored[A] -> stored[A] = true; holds[A] = true }
    :: atomic { !stored[X] -> stored[X] = true; holds[X] = true }
    :: atomic { !stored[Y] -> stored[Y] = true; holds[Y] = true }
    :: atomic { version > 0 && !stored[B] -> stored[B] = true; holds[B] = true }
    :: atomic { (version == 3 || OLD_QUORUM) && (version == 0 || NEW_QUORUM) ->
           isAcknowledged = true; isBusy[WRITER] = false; break }
    :: atomic { isBusy[WRITER] = false; break }     /* gives up: what was stored stays */
    od
}

proctype Read() {
    byte version;
    byte replies;
    bool isFound;
    bool asked[4];
end:
    isAcknowledged;
    atomic {
        version = adopted[READER];
        busyVersion[READER] = version;
        isBusy[READER] = true
    }
    do
    :: atomic { replies < 2 && version < 2 && !asked[A] -> asked[A] = true; replies++; isFound = isFound || holds[A] }
    :: atomic { replies < 2 && !asked[X] -> asked[X] = true; replies++; isFound = isFound || holds[X] }
    :: atomic { replies < 2 && !asked[Y] -> asked[Y] = true; replies++; isFound = isFound || holds[Y] }
    :: atomic { replies < 2 && version > 1 && !asked[B] -> asked[B] = true; replies++; isFound = isFound || holds[B] }
    :: replies == 2 -> break
    od;
    assert(isFound);
#ifdef WITNESS
    assert(false);
#endif
    isBusy[READER] = false
}

init {
    atomic { run Node(WRITER); run Node(READER); run Coordinator(); run Write(); run Read() }
}
