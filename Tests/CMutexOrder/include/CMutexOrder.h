// Nothing to call: that this target is linked in is enough, see mutex_order.c.
#pragma once
