#include "CPriorityStub.h"
#include <sys/resource.h>

// libdispatch sets a nice value for every worker thread, and writes to standard error each time that fails. In the sandbox of the
// service it always fails (setpriority(2) is in @resources), which would fill the journal. All work of this program has one
// priority. So this function does nothing and returns success.
//
// It replaces the function for the whole program, so only programs, and no libraries, depend on this target.
int setpriority(__priority_which_t which, id_t who, int value) {
    (void)which;
    (void)who;
    (void)value;
    return 0;
}
