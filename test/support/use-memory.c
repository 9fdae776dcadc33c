// SPDX-License-Identifier: Apache-2.0
/* Ways to make memory executable, and programs for the kernel to load. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>
#include "uses.h"

#define BYTES 4096
#define RW (PROT_READ | PROT_WRITE)
#define RX (PROT_READ | PROT_EXEC)

static int map(int protection, int flags, int file)
{
	return mmap(NULL, BYTES, protection, flags, file, 0) == MAP_FAILED ? -1 : 0;
}

/* Maps memory, writes to it if `writes` is set, and makes it executable. */
static int map_and_protect(int first, int flags, int file, int writes, int then)
{
	char *memory = mmap(NULL, BYTES, first, flags, file, 0);

	if (memory == MAP_FAILED)
		return -1;
	if (writes)
		*memory = 1;
	return mprotect(memory, BYTES, then);
}

static int memory_file(void)
{
	int file = memfd_create("use", 0);

	return ftruncate(file, BYTES) ? -1 : file;
}

static int shared_segment(void)
{
	int segment = shmget(IPC_PRIVATE, BYTES, 0700);
	void *memory = shmat(segment, NULL, SHM_EXEC);

	shmctl(segment, IPC_RMID, NULL);
	return memory == (void *)-1 ? -1 : 0;
}

/* Writes to this program's own code, although its mapping is read-only; the code is never run. */
static int write_code(const char *memory)
{
	static const char byte = 'x';
	int file = open(memory, O_RDWR);

	return file < 0 ? -1 : pwrite(file, &byte, 1, (off_t)(uintptr_t)write_program);
}

static int write_code_of_child(void)
{
	char memory[64];
	pid_t child = fork();
	int result, error;

	if (!child)
		for (;;)
			pause();
	snprintf(memory, sizeof(memory), "/proc/%d/mem", child);
	result = write_code(memory);
	error = errno;
	kill(child, SIGKILL);
	errno = error;
	return result;
}

static int map_readable(int flags)
{
	if (personality(READ_IMPLIES_EXEC) < 0)
		return -1;
	return map(RW, flags | MAP_ANONYMOUS, -1);
}

int make_executable(const char *how, const char *path)
{
	int file = path[0] ? open(path, O_RDWR) : -1;

	if (!strcmp(how, "file"))
		return map(RX, MAP_PRIVATE, file);
	if (!strcmp(how, "shared"))
		return map(RW | PROT_EXEC, MAP_SHARED | MAP_ANONYMOUS, -1);
	if (!strcmp(how, "shared-later"))
		return map_and_protect(RW, MAP_SHARED | MAP_ANONYMOUS, -1, 1, RX);
	if (!strcmp(how, "private-later"))
		return map_and_protect(RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 1, RX);
	if (!strcmp(how, "memory-file"))
		return map(RX, MAP_PRIVATE, memory_file());
	if (!strcmp(how, "memory-file-later"))
		return map_and_protect(RW, MAP_SHARED, memory_file(), 1, RX);
	if (!strcmp(how, "segment"))
		return shared_segment();
	if (!strcmp(how, "file-writable"))
		return map(RW | PROT_EXEC, MAP_PRIVATE, file);
	if (!strcmp(how, "file-written"))
		return map_and_protect(RW, MAP_PRIVATE, file, 1, RX);
	if (!strcmp(how, "file-then-writable"))
		return map_and_protect(RX, MAP_PRIVATE, file, 0, RW | PROT_EXEC);
	if (!strcmp(how, "file-shared"))
		return map(RX, MAP_SHARED, file);
	if (!strcmp(how, "file-shared-later"))
		return map_and_protect(RW, MAP_SHARED, file, 1, RX);
	if (!strcmp(how, "own-code"))
		return write_code("/proc/self/mem");
	if (!strcmp(how, "own-code-by-thread"))
		return write_code("/proc/thread-self/mem");
	if (!strcmp(how, "code-of-child"))
		return write_code_of_child();
	if (!strcmp(how, "by-personality"))
		return map_readable(MAP_PRIVATE);
	return -1;
}

#if defined(__x86_64__)
#define MACHINE EM_X86_64
/* exit(0) */
static const unsigned char code[] = { 0x31, 0xff, 0xb8, 60, 0, 0, 0, 0x0f, 0x05 };
#else
#define MACHINE EM_AARCH64
static const unsigned char code[] = { 0, 0, 0x80, 0xd2, 0xa8, 0x0b, 0x80, 0xd2, 1, 0, 0, 0xd4 };
#endif

/*
 * Writes a program that exits with status 0. One with an interpreter does so
 * in the interpreter, where the kernel starts. Older kernels clear the rest of its page,
 * so it has to be writable.
 */
int write_program(const char *path, const char *interpreter)
{
	struct {
		Elf64_Ehdr header;
		Elf64_Phdr segments[2];
		unsigned char code[16];
		char interpreter[64];
	} program = { 0 };
	unsigned long at = interpreter[0] ? 0x400000 : 0x10000000;
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);

	memcpy(program.header.e_ident, ELFMAG, SELFMAG);
	program.header.e_ident[EI_CLASS] = ELFCLASS64;
	program.header.e_ident[EI_DATA] = ELFDATA2LSB;
	program.header.e_ident[EI_VERSION] = EV_CURRENT;
	program.header.e_type = ET_EXEC;
	program.header.e_machine = MACHINE;
	program.header.e_version = EV_CURRENT;
	program.header.e_entry = at + offsetof(__typeof__(program), code);
	program.header.e_phoff = sizeof(program.header);
	program.header.e_ehsize = sizeof(program.header);
	program.header.e_phentsize = sizeof(Elf64_Phdr);
	program.header.e_phnum = interpreter[0] ? 2 : 1;
	program.segments[0] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_W | PF_X, .p_vaddr = at, .p_paddr = at,
		.p_filesz = sizeof(program), .p_memsz = sizeof(program), .p_align = BYTES };
	program.segments[1] = (Elf64_Phdr){ .p_type = PT_INTERP, .p_flags = PF_R, .p_align = 1,
		.p_offset = offsetof(__typeof__(program), interpreter),
		.p_filesz = strlen(interpreter) + 1, .p_memsz = strlen(interpreter) + 1 };
	memcpy(program.code, code, sizeof(code));
	strncpy(program.interpreter, interpreter, sizeof(program.interpreter) - 1);
	if (write(file, &program, sizeof(program)) != sizeof(program))
		return -1;
	return close(file);
}
