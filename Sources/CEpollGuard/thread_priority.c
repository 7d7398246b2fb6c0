#include <sys/resource.h>

// libdispatch gives every worker thread a nice value, and writes to standard error each time that it may not: under
// systemd a sandboxed service may not (setpriority(2) is in @resources), so the journal fills with complaints that
// mean nothing. All work here has one priority; libdispatch is told yes, and nothing is done.
int setpriority(__priority_which_t which, id_t who, int value) {
    (void)which;
    (void)who;
    (void)value;
    return 0;
}
