// SPDX-License-Identifier: GPL-2.0-only
/* The enforcement programs. Each hook stands in the header of its concern. */
#include "include/kernel.h"
#include "include/system_calls.h"
#include "include/process_hooks.h"
#include "include/argument_hooks.h"
#include "include/network_hooks.h"
#include "include/name_hooks.h"
#include "include/route_hooks.h"
#include "include/capability_hooks.h"
#include "include/mapping_hooks.h"
#include "include/mount_hooks.h"
#include "include/trace_hooks.h"
#include "include/namespace_hooks.h"
#include "include/open_hooks.h"
#include "include/unix_hooks.h"
#include "include/attribute_hooks.h"
#include "include/task_iterator.h"

char LICENSE[] SEC("license") = "GPL";
