/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HAUBERK_RUNTIME_H
#define HAUBERK_RUNTIME_H

/*
 * Acts as an OCI runtime: hands every command to the real one, and a container that has been created only back to the
 * caller once hauberkd protects it. Until then its process waits before its first instruction. Returns the exit status.
 */
int run_as_runtime(char **argv);

#endif
