// The package's two programs in one file, as busybox does it: each would bring the same 12 MB of Swift runtime.
// The name that it is called by says which of them it is.
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

int reversed_main(int, char **);
int reverse_client_main(int, char **);

int main(int count, char **arguments) {
    if (strcmp(program_invocation_short_name, "reverse-client") == 0) {
        return reverse_client_main(count, arguments);
    }
    return reversed_main(count, arguments);
}
