#include <string.h>
#include <sys/timex.h>

// <sys/timex.h> is in no module that Swift knows.
static inline int hoistway_wall_clock_is_kept(void) {
    struct timex state;
    memset(&state, 0, sizeof state);
    // Who may not ask (-1) does not know.
    int answer = adjtimex(&state);
    return answer >= 0 && answer != TIME_ERROR;
}
