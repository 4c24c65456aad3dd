/*
 * The world of tick.pml: the store with its record and its lease, two route tables in
 * Azure, the members' health, and what goes wrong. Everything that is shared is here.
 *
 * Nothing is counted. An etag, or the version of a record, is never used twice, so all
 * that matters of a copy is whether it is still the current one: one bit, which every
 * change takes away. That makes the states finite although flips, crashes, edits, orders
 * and lost answers are not bounded: they happen in any number until "over".
 *
 *   TABLES    1 or 2
 *   LEASE     HONEST   the holder's clock is right: a lease that is lost is not believed in
 *             STOPPED  the holder's clock may stand still: it believes what is not so
 *             NONE     there is no lease, and everybody ticks
 *   DOUBT     both members may be up, or none
 *   EMPTY     there is no record at first
 *   ORDERS    a person's orders, and changes of the rest of the record
 *   STORE_DOWN a store that does not say whether the record is still the newest
 *   LOST_SWAP a write of the record whose answer is lost
 *   LAG       lists that show what was
 *   LATE      a PUT that arrives when nobody waits for it any more
 *   FAILURES  operations that fail after they were accepted
 *   FENCE     check that a stale PUT never replaces one of a newer record
 *   LIVE      check what holds in the end, too
 *
 * All other names in #ifdef are bugs: one for each variant that must fail.
 */

#define HONEST 1
#define STOPPED 2
#define NONE 3

/* The members, as bits of health. A is the preferred one. */
#define A 1
#define B 2
#define NOBODY 0
#define OTHER(m) (3 - (m))
#define LETTER(m) ((m) == A -> 'A' : ((m) == B -> 'B' : '-'))

/* Who holds the lease: controller 0, controller 1, nobody, or one that has died. */
#define FREE 2
#define DEAD 3

/* A table's provisioning state. */
#define SUCCEEDED 0
#define UPDATING 1
#define FAILED 2

/* at: the place in the tick, by what was done last */
#define IDLE 0
#define LOADED 1
#define PROBED 2
#define LOOKED 3
#define UNSURE 4 /* the record was sent, and no answer came */
#define ASKING 5 /* nothing to store: is what was loaded still the newest record? */
#define APPLYING 6

/* w: the place in the writing of a table */
#define PLANNED 1
#define CHECKED 2  /* the term is valid; nothing but the request itself is left */
#define ACCEPTED 3 /* wait for its end and read it back */
#define RETRY 4    /* refused, or no answer, or not as wanted: read it again */
#define READ 5     /* read again: is the record still the newest? */
#define ASKED 6    /* only in ask-first */

#if TABLES == 1
#define EACH(f) f(0)
#define ALL(p) p(0)
#else
#define EACH(f) f(0); f(1)
#define ALL(p) (p(0) && p(1))
#endif

typedef Controller {
  byte at;
  bit believes;      /* that it holds the lease */
  byte goal;         /* who is active: as loaded, then as decided */
  byte up;           /* what it has probed */
  bit version;       /* its version of the record is the stored one */
  byte seen[TABLES]; /* next hop, as listed */
  byte w[TABLES];
  bit etag[TABLES];  /* its etag is the current one */
  bit behind;        /* the stored record has a newer epoch than its own */
  /* History: the controller does not look at these, the properties do. */
  bit ordered;       /* a stored record has, or had, this active member */
  bit fresh[TABLES]; /* the table was read since the last PUT */
  bit shown[TABLES]  /* a read since the last PUT showed what is wanted, and Succeeded */
}

Controller ctl[2];
bit over;     /* nothing goes wrong any more */
byte health;  /* the members that are up */
byte record;  /* who is active in it; NOBODY if there is none */
byte holder;  /* of the lease */
byte hop[TABLES];
byte state[TABLES];
byte late[TABLES]; /* where a late PUT leads */
#ifdef FENCE
bit newest[TABLES];   /* history: the last write was ordered by the newest record */
bit outdated[TABLES]; /* history: the late PUT was ordered by an older one */
#endif

/* --- what must hold; model/check knows the properties by these expressions --- */

#define P3_A_RECORD_ORDERS_IT(c) assert(ctl[c].ordered)
#define P3_JUST_READ(c, t) assert(ctl[c].fresh[t])
#define P3_UNCHANGED_SINCE(current) assert(current)
#define P9_READ_BACK(c, t) assert(ctl[c].shown[t])
#define RECORD_GOES_FORWARD(c) assert(!ctl[c].behind)
#define FENCED(stale, t) assert(!(stale) || !newest[t])

#define AGREES(t) (hop[t] == record && state[t] == SUCCEEDED)
#ifdef LIVE
ltl P7_all_agree { <>[] (!over || ALL(AGREES)) }
#endif

/* --- the store --- */

#define MAY_FALL_BEHIND(c) (ctl[c].at != IDLE)

/* The record gets a new version. */
inline touch() {
  ctl[0].version = 0;
  ctl[1].version = 0
}

/* The record gets a new active member. */
inline store(who) {
  ctl[0].behind = MAY_FALL_BEHIND(0);
  ctl[1].behind = MAY_FALL_BEHIND(1);
  record = who;
  EACH(outdate);
  touch()
}

inline outdate(t) {
#ifdef FENCE
  newest[t] = 0;
  outdated[t] = (late[t] != NOBODY)
#else
  skip
#endif
}

/* --- Azure --- */

#ifdef FENCE
#define OUTDATED(t) outdated[t]
#define NOTE_LATE(t, stale) outdated[t] = stale
#define NOTE_WRITE(t, newer) newest[t] = newer
#else
#define OUTDATED(t) false
#define NOTE_LATE(t, stale) skip
#define NOTE_WRITE(t, newer) skip
#endif

inline send_late(t, to, stale) { late[t] = to; NOTE_LATE(t, stale) }

inline nothing_is_late(t) { late[t] = NOBODY; NOTE_LATE(t, 0) }

/* The table has a new etag: every copy is stale, and what is under way is refused. */
inline change(t) {
  ctl[0].etag[t] = 0;
  ctl[1].etag[t] = 0;
  nothing_is_late(t)
}

/* A PUT is accepted. current: its If-Match is the current etag. stale: a newer record
   than the one that orders it has another active member. */
inline put(t, to, current, stale) {
  P3_UNCHANGED_SINCE(current);
#ifdef FENCE
  FENCED(stale, t);
#endif
  NOTE_WRITE(t, !(stale));
  hop[t] = to;
  state[t] = UPDATING;
  change(t);
  printf("Azure: table %d now leads to %c, Updating\n", t, LETTER(to))
}

inline ends(t) {
  if
  :: state[t] = SUCCEEDED
#ifdef FAILURES
  :: !over -> state[t] = FAILED
  :: !over -> state[t] = FAILED; hop[t] = OTHER(hop[t])
#endif
  fi;
  d_step { change(t) };
  printf("Azure: table %d is %c, leads to %c\n", t, (state[t] == FAILED -> 'F' : 'S'), LETTER(hop[t]))
}

inline edit(t) {
  if
  :: hop[t] = A
  :: hop[t] = B
  fi;
  d_step { state[t] = UPDATING; NOTE_WRITE(t, 0); change(t) };
  printf("others: lead table %d to %c\n", t, LETTER(hop[t]))
}

/* It arrives after all, or never. */
inline arrive(t) {
  if
  :: d_step { printf("Azure: a late PUT arrives\n"); put(t, late[t], true, OUTDATED(t)) }
  :: d_step { nothing_is_late(t) }
  fi
}

#define OPERATION(t) \
  :: atomic { state[t] == UPDATING -> ends(t) } /* the second etag */ \
  :: atomic { !over && state[t] != UPDATING -> edit(t) }
#define LATE_PUT(t) \
  :: atomic { late[t] != NOBODY -> arrive(t) }

/* --- everything that happens by itself --- */

proctype World() {
  do
  OPERATION(0)
#if TABLES > 1
  OPERATION(1)
#endif
#ifdef LATE
  LATE_PUT(0)
#if TABLES > 1
  LATE_PUT(1)
#endif
#endif
#if LEASE != NONE
  :: d_step { holder == DEAD -> holder = FREE; printf("store: the lease has expired\n") }
  :: d_step { !over && holder < FREE -> /* expired or broken, and its holder is not told */
      printf("store: the lease of %d is lost\n", holder); holder = FREE }
#endif
  :: atomic { !over ->
      if
      :: health = A
      :: health = B
#ifdef DOUBT
      :: health = A | B
      :: health = 0
#endif
      fi;
      printf("members: up are %c%c\n", LETTER(health & A), LETTER(health & B)) }
#ifdef ORDERS
#if LEASE == NONE || !defined(FENCE)
  :: d_step { !over && record != NOBODY -> /* by another process, which holds no lease */
      store(OTHER(record)); printf("a person: orders %c\n", LETTER(record)) }
#endif
  :: d_step { !over && record != NOBODY -> touch(); printf("others: change the rest of the record\n") }
#endif
  :: d_step { !over && health != 0 -> over = 1; printf("--- nothing goes wrong any more ---\n") }
  od
}

inline begin(t) { hop[t] = A }

init {
  atomic {
    holder = FREE;
    health = A;
#ifndef EMPTY
    record = A;
#endif
    EACH(begin);
    run Control(0);
    run Control(1);
    run World()
  }
}
