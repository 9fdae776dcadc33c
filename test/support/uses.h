/* SPDX-License-Identifier: Apache-2.0 */
#ifndef USES_H
#define USES_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Each returns a negative number and sets errno on failure. */
int rename_with(const char *how, const char *from, const char *to);
int link_nameless(const char *directory, const char *to);
int open_in_thread(const char *name, const char *path);
int set_list(const char *path);
int remove_list(const char *path);
int change_flags(const char *path);
int change_more_flags(const char *path);
int change_flags_by_name(const char *path);
int change_by_path_descriptor(const char *how, const char *path);
int use_by_ring(const char *how, const char *first, const char *second);
int make_executable(const char *how, const char *path);
int write_program(const char *path, const char *interpreter);
int hold(const char *file, const char *path);
int ask_holder(const char *wish, const char *path);
int keep_file(const char *path, const char *directory, const char *trigger);
int keep_registered(const char *path, const char *trigger);
int send_otherwise(const char *how);
/* A program and its arguments, terminated by NULL. */
int reach_into_program(const char *how, char *const *command);
int run_controlled(const char *how, char *const *command);
int ask_names(const char *how, const char *first, const char *second);
int take_from(const char *how, const char *peer);
int serve_peers(void);
int come_to_server(const char *peer);
int use_sctp(const char *how, const char *peer);

/* A datagram with a source route beside it. */
struct msghdr *message_with_route(void);

socklen_t name_socket(struct sockaddr_un *address, const char *path);
/* Stream sockets with a path. */
int listen_at(const char *path);
int connect_to(const char *path);

#endif
