#include "CPriorityStub.h"
#include <sys/resource.h>

// libdispatch sets a nice value for every worker thread, and writes to standard error each time that it may not. Under
// systemd a sandboxed service may not (setpriority(2) is in @resources), so the journal fills with complaints that mean
// nothing. All work of this program has one priority. So libdispatch gets success, and nothing happens.
//
// This replaces the function for the whole program, which is for a program to decide: no library depends on this target.
int setpriority(__priority_which_t which, id_t who, int value) {
    (void)which;
    (void)who;
    (void)value;
    return 0;
}
