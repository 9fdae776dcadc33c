/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HAUBERK_CHILD_H
#define HAUBERK_CHILD_H

#include <stdbool.h>
#include <stddef.h>

/* Holds back the signals that ask a process to end, until they are handed to a child or found by was_interrupted. */
void block_signals(void);
bool was_interrupted(void);

/*
 * Runs a program with our descriptors and waits for it. Its standard output goes to `output` (of `size` bytes, ended by
 * a null byte, the rest left out) unless that is NULL. Signals continue to it if `forward` is set. Returns its exit status,
 * 128 and the signal if one has ended it, or -1 with errno if there is no process.
 */
int run_child(char *const *argv, bool forward, char *output, size_t size);

#endif
