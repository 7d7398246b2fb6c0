// Replaces setpriority(2) for the whole program; see priority_stub.c. There is nothing to call.
#pragma once
