/*
 * Terminals in use.
 */
#include "cli/terminal/live.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* How long the rest of a key may be on its way behind its first byte. */
#define LIVE_KEY_MS 50

/* The other screen, without a cursor; and back. */
#define LIVE_OPENING "\033[?1049h\033[?25l"
#define LIVE_CLOSING "\033[?25h\033[?1049l"

static const int SIGNALS[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH, 0};

/* Control characters keep their meaning: Ctrl-C and Ctrl-Z come as signals. */
static bool set_modes(struct live *live)
{
	struct termios modes = live->cooked;

	modes.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	modes.c_cc[VMIN] = 1;
	modes.c_cc[VTIME] = 0;
	return tcsetattr(STDIN_FILENO, TCSADRAIN, &modes) == 0;
}

static void open_screen(const struct live *live)
{
	if (live->has_screen) {
		fputs(LIVE_OPENING, stdout);
		fflush(stdout);
	}
}

static void restore_modes(const struct live *live)
{
	if (live->has_screen) {
		fputs(LIVE_CLOSING, stdout);
		fflush(stdout);
	}
	/* Fails where the terminal is gone, and then there is nothing to restore. */
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &live->cooked);
}

bool live_enter(struct live *live, bool has_screen)
{
	/* Before the terminal is changed: no signal may come in between. */
	if (!term_hold(&live->signals, SIGNALS)) {
		return false;
	}
	if (tcgetattr(STDIN_FILENO, &live->cooked) != 0 || !set_modes(live)) {
		int error_number = errno;

		term_let_go(&live->signals);
		errno = error_number;
		return false;
	}
	live->has_screen = has_screen;
	live->is_on = true;
	open_screen(live);
	return true;
}

void live_leave(struct live *live)
{
	if (live->is_on) {
		restore_modes(live);
		live->is_on = false;
		term_let_go(&live->signals);
	}
}

bool live_wait(const struct live *live, int64_t timeout_ms)
{
	struct pollfd fds[] = {
		{.fd = STDIN_FILENO, .events = POLLIN},
		{.fd = live->signals.fd, .events = POLLIN},
	};
	int64_t longest_ms = MIN(MAX(timeout_ms, INT64_C(0)), (int64_t)INT_MAX);

	return poll(fds, ARRAY_SIZE(fds), (int)longest_ms) > 0;
}

/* Ctrl-Z: gives the terminal back, sleeps here, takes it again. */
static void stop(struct live *live)
{
	sigset_t only;

	restore_modes(live);
	sigemptyset(&only);
	sigaddset(&only, SIGTSTP);
	raise(SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &only, NULL);
	sigprocmask(SIG_BLOCK, &only, NULL);
	(void)!set_modes(live);
	open_screen(live);
}

/* As if it had never been held back: the shell is told how the program ended. */
static void end_by(struct live *live, int number)
{
	live_leave(live);
	raise(number);
}

enum live_wish live_take_signals(struct live *live)
{
	enum live_wish wish = LIVE_NOTHING;
	int number;

	while (live->is_on && (number = term_take_signal(&live->signals)) != 0) {
		switch (number) {
		case SIGINT:
			return LIVE_INTERRUPT;
		case SIGTSTP:
			stop(live);
			wish = LIVE_CONTINUED;
			break;
		case SIGCONT:
			/* The shell may have set other modes meanwhile. */
			(void)!set_modes(live);
			wish = LIVE_CONTINUED;
			break;
		case SIGWINCH:
			break;
		default:
			end_by(live, number);
			break;
		}
	}
	return wish;
}

ssize_t live_read(const struct live *live, char *bytes, size_t n_bytes)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	ssize_t n;

	if (!live->is_on || poll(&input, 1, 0) <= 0) {
		return 0;
	}
	n = read(STDIN_FILENO, bytes, n_bytes);
	if (n <= 0) {
		return -1;
	}
	/* Escape alone, or the beginning of another key. */
	if (n == 1 && bytes[0] == '\033' && poll(&input, 1, LIVE_KEY_MS) > 0) {
		ssize_t more = read(STDIN_FILENO, bytes + 1, n_bytes - 1);

		n += MAX(more, (ssize_t)0);
	}
	return n;
}

/* ---- keys ---- */

/* Behind Escape. Terminals differ in the first byte for the arrows, in the number for the ends. */
static const struct sequence_row {
	const char *bytes;
	int key;
} SEQUENCES[] = {
	{"[A", KEY_UP},
	{"OA", KEY_UP},
	{"[B", KEY_DOWN},
	{"OB", KEY_DOWN},
	{"[5~", KEY_PAGE_UP},
	{"[6~", KEY_PAGE_DOWN},
	{"[H", KEY_HOME},
	{"OH", KEY_HOME},
	{"[1~", KEY_HOME},
	{"[F", KEY_END},
	{"OF", KEY_END},
	{"[4~", KEY_END},
};

/* Bytes of the sequence that `text` begins with, whatever it means: "[", parameters, a letter. */
static size_t sequence_bytes(struct slice text)
{
	size_t n = 1;

	if (text.data[0] == 'O') {
		return MIN(text.len, (size_t)2);
	}
	while (n < text.len && text.data[n] >= 0x20 && text.data[n] < 0x40) {
		n++;
	}
	return MIN(n + 1, text.len);
}

static int find_sequence(struct slice bytes)
{
	for (size_t i = 0; i < ARRAY_SIZE(SEQUENCES); i++) {
		if (slice_is(bytes, SEQUENCES[i].bytes)) {
			return SEQUENCES[i].key;
		}
	}
	return KEY_OTHER;
}

bool live_next_key(struct slice *rest, int *ret_key)
{
	unsigned char byte;
	size_t n;

	if (rest->len == 0) {
		return false;
	}
	byte = (unsigned char)rest->data[0];
	*rest = slice_skip(*rest, 1);
	if (byte == KEY_ESCAPE && rest->len > 0 && (rest->data[0] == '[' || rest->data[0] == 'O')) {
		n = sequence_bytes(*rest);
		*ret_key = find_sequence((struct slice){rest->data, n});
		*rest = slice_skip(*rest, n);
	} else if (byte == '\n') {
		*ret_key = KEY_ENTER;
	} else if (byte == '\b') {
		*ret_key = KEY_ERASE;
	} else {
		*ret_key = byte;
	}
	return true;
}
