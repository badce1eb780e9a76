/* Which region decides for a pair of vehicles: openings, claims, hand-overs.
 *
 * Three regions know both vehicles (cloud/shard/seams.cc).  One opens the pair's episode,
 * or two do, each before it has heard of the other; an owner hands it over to another
 * region, up to HANDOVERS times.  What regions tell each other goes through their
 * partitions.  Here it arrives in any order, however late, and any number of times: every
 * message that was ever sent stays in the set of those that may arrive.  So this covers a
 * region that is killed or stands still, and one that says again what it has said before
 * after it was restored: a shard is a pure function of its partition.
 *
 *   owns, episode, handovers    what a region holds of the pair
 *   heard[r * EPISODES + e]     what it has heard of an episode: hand-overs + 1, or OVER
 *   handed[e * SLOTS + g]       to whom the g-th hand-over of episode e went, + 1
 *   claimed[...]                who has claimed episode e after g hand-overs
 *
 * Claimed: where one region has opened, at most one decides at any time.  Where two have,
 * the first claim that reaches the lower one of them ends it, and in the end one decides.
 * None is orphaned: at any time some region decides, or a hand-over is on its way to one
 * that will.  Nobody's hand-over has the number of another one.
 *
 * Each MUTATION is a mistake that the checker has to find; tests/models/check.sh.
 */
#define REGIONS 3
#define EPISODES 2
#define HANDOVERS 2
#define SLOTS 3                 /* HANDOVERS + 1 */
#define OVER 255

bool owns[REGIONS];
byte episode[REGIONS];
byte handovers[REGIONS];
byte heard[6];                  /* REGIONS * EPISODES */
byte handed[6];                 /* EPISODES * SLOTS */
bool claimed[18];               /* (EPISODES * SLOTS) * REGIONS */
bool over[EPISODES];
byte opened = 0;
bool two = false;               /* two regions open */

inline count_owners() {
  owners = (owns[0] -> 1 : 0) + (owns[1] -> 1 : 0) + (owns[2] -> 1 : 0)
}

/* Some hand-over has not been read by whom it is for, and would be taken. */
inline find_pending() {
  pending = 0;
  e = 0;
  do
  :: e < EPISODES ->
     g = 1;
     do
     :: g <= HANDOVERS ->
        if
        :: handed[e * SLOTS + g] != 0 && heard[(handed[e * SLOTS + g] - 1) * EPISODES + e] < g + 1 -> pending = 1
        :: else -> skip
        fi;
        g++
     :: else -> break
     od;
     e++
  :: else -> break
  od
}

inline check() {
  count_owners();
  find_pending();
  assert(two || owners <= 1);
  assert(opened == 0 || owners + pending >= 1);
  e = 0; g = 0; r = 0; d = 0
}

inline end_episode(at, which) {
  over[which] = true;
  heard[at * EPISODES + which] = OVER
}

inline take(at, which, number) {
  owns[at] = true; episode[at] = which; handovers[at] = number
}

/* The hand-over number g of episode e arrives where it was sent to. */
inline read_handover() {
  d = handed[e * SLOTS + g] - 1;
  if
#ifdef MUTATION_HANDOVER_WITHOUT_NUMBER
  :: heard[d * EPISODES + e] == OVER -> skip
#else
  :: heard[d * EPISODES + e] >= g + 1 -> skip          /* old, or repeated */
#endif
  :: else ->
     heard[d * EPISODES + e] = g + 1;
     if
     :: owns[d] && episode[d] == e -> skip
#ifdef MUTATION_LATER_OPENING_WINS
     :: owns[d] && episode[d] != e -> owns[d] = false; end_episode(d, episode[d]); end_episode(d, e)
#else
     :: owns[d] && episode[d] != e && g > handovers[d] -> end_episode(d, episode[d]); take(d, e, g)
     :: owns[d] && episode[d] != e && g <= handovers[d] -> end_episode(d, e)
#endif
     :: !owns[d] -> take(d, e, g)
     fi
  fi
}

/* Region r's claim of episode e, after g hand-overs, arrives at region d. */
inline read_claim() {
  if
#ifdef MUTATION_CLAIM_WITHOUT_NUMBER
  :: heard[d * EPISODES + e] == OVER -> skip
  :: heard[d * EPISODES + e] != OVER && owns[d] && r < d ->
#else
  :: heard[d * EPISODES + e] > g + 1 -> skip
  :: heard[d * EPISODES + e] <= g + 1 && owns[d] &&
#ifdef MUTATION_BOTH_GIVE_WAY
     g >= handovers[d] ->
#else
     (g > handovers[d] || (g == handovers[d] && r < d)) ->
#endif
#endif
     if
     :: episode[d] != e -> end_episode(d, episode[d])
     :: else -> skip
     fi;
     owns[d] = false
  :: else -> skip                                      /* it hears ours; or it is not ours anyway */
  fi
}

proctype World() {
  byte owners, pending, e, g, r, d;
  byte round = 0;
  if
  :: two = true
  :: two = false
  fi;
  /* Episode 0 is region 0's opening, episode 1 region 1's. */
  atomic { take(0, 0, 0); heard[0] = 1; opened = 1 };
  do
  :: atomic { two && opened == 1 && !owns[1] && heard[EPISODES] == 0 ->
       take(1, 1, 0); heard[EPISODES + 1] = 1; opened = 2; check() }
  :: atomic {                                          /* a tick */
       select (r : 0 .. 2);
       if
       :: owns[r] -> claimed[(episode[r] * SLOTS + handovers[r]) * REGIONS + r] = true
       :: else -> skip
       fi;
       r = 0 }
  :: atomic {                                          /* its vehicles leave region r */
       select (r : 0 .. 2);
       select (d : 0 .. 2);
       if
       :: owns[r] && r != d && handovers[r] < HANDOVERS ->
          e = episode[r];
          g = handovers[r] + 1;
          assert(handed[e * SLOTS + g] == 0);
          handed[e * SLOTS + g] = d + 1;
          heard[r * EPISODES + e] = g + 1;
#ifndef MUTATION_KEEPS_WHAT_IT_HANDED_OVER
          owns[r] = false;
#endif
          check()
       :: else -> skip
       fi;
       r = 0; d = 0; e = 0; g = 0 }
  :: atomic {
       select (e : 0 .. 1);
       select (g : 1 .. 2);
       if
       :: handed[e * SLOTS + g] != 0 -> read_handover(); check()
       :: else -> skip
       fi;
       e = 0; g = 0; d = 0 }
  :: atomic {
       select (e : 0 .. 1);
       select (g : 0 .. 2);
       select (r : 0 .. 2);
       select (d : 0 .. 2);
       if
       :: claimed[(e * SLOTS + g) * REGIONS + r] && r != d -> read_claim(); check()
       :: else -> skip
       fi;
       e = 0; g = 0; r = 0; d = 0 }
  :: break
  od;
  /* Nothing happens any more; every owner claims, and all that was sent arrives. */
  atomic {
    round = 0;
    do
    :: round < 3 ->
       r = 0;
       do
       :: r < REGIONS ->
          if
          :: owns[r] -> claimed[(episode[r] * SLOTS + handovers[r]) * REGIONS + r] = true
          :: else -> skip
          fi;
          r++
       :: else -> break
       od;
       e = 0;
       do
       :: e < EPISODES ->
          g = 1;
          do
          :: g <= HANDOVERS ->
             if
             :: handed[e * SLOTS + g] != 0 -> read_handover()
             :: else -> skip
             fi;
             g++
          :: else -> break
          od;
          g = 0;
          do
          :: g <= HANDOVERS ->
             r = 0;
             do
             :: r < REGIONS ->
                d = 0;
                do
                :: d < REGIONS ->
                   if
                   :: claimed[(e * SLOTS + g) * REGIONS + r] && r != d -> read_claim()
                   :: else -> skip
                   fi;
                   d++
                :: else -> break
                od;
                r++
             :: else -> break
             od;
             g++
          :: else -> break
          od;
          e++
       :: else -> break
       od;
       round++
    :: else -> break
    od;
    count_owners();
    assert(owners == 1)
  }
}

init {
  atomic { run World() }
}
