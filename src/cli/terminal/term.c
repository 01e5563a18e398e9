/*
 * The terminal.
 */
#include "cli/terminal/term.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/terminal/text.h"

/* Of a terminal that does not know its size. */
#define TERM_DEFAULT_LINES 24

static bool is_set(const char *variable)
{
	const char *value = getenv(variable);

	return value != NULL && value[0] != '\0';
}

static bool is_dumb(void)
{
	const char *term = getenv("TERM");

	return term == NULL || term[0] == '\0' || strcmp(term, "dumb") == 0;
}

static void measure(int fd, struct screen *screen)
{
	struct winsize size;
	bool is_known = ioctl(fd, TIOCGWINSZ, &size) == 0;

	screen->width = text_columns(screen->file);
	screen->height = is_known && size.ws_row > 0 ? size.ws_row : TERM_DEFAULT_LINES;
}

struct screen term_screen(FILE *file)
{
	struct screen screen = {.file = file};
	int fd = fileno(file);

	if (fd >= 0 && isatty(fd)) {
		measure(fd, &screen);
		screen.has_cursor = !is_dumb();
		screen.has_colour = screen.has_cursor && !is_set("NO_COLOR");
	}
	return screen;
}

static const char *sequence_of(enum term_style style)
{
	switch (style) {
	case TERM_PLAIN:
		return "";
	case TERM_BOLD:
		return "\033[1m";
	case TERM_GOOD:
		return "\033[32m";
	case TERM_WARN:
		return "\033[33m";
	case TERM_BAD:
		return "\033[31m";
	case TERM_MARKED:
		return "\033[7m";
	}
	return "";
}

size_t term_put(
	const struct screen *screen, enum term_style style, struct slice text, size_t max_columns)
{
	bool is_styled = screen->has_colour && style != TERM_PLAIN;
	size_t used;

	fputs(is_styled ? sequence_of(style) : "", screen->file);
	used = text_put(screen->file, text, max_columns);
	fputs(is_styled ? "\033[0m" : "", screen->file);
	return used;
}

size_t term_format(const struct screen *screen, enum term_style style, const char *format, ...)
{
	CLEANUP(mem_free_p) char *text = NULL;
	va_list args;

	va_start(args, format);
	text = text_make(format, args);
	va_end(args);
	return term_put(screen, style, slice_of(text), TEXT_NO_LIMIT);
}

bool term_can_live(void)
{
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && !is_dumb();
}

bool term_can_ask(void)
{
	return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

void term_drop_input(void)
{
	/* Fails only where there is no terminal, and then nothing was typed either. */
	(void)tcflush(STDIN_FILENO, TCIFLUSH);
}

/*
 * A terminal hands over whole lines, so one read is one line; stdio would keep what follows to
 * itself, where poll() does not see it.
 */
bool term_read_line(char *line, size_t line_bytes, int timeout_ms, bool *ret_is_end)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	ssize_t n;

	if (poll(&input, 1, timeout_ms) <= 0) {
		return false;
	}
	n = read(STDIN_FILENO, line, line_bytes - 1);
	*ret_is_end = n <= 0;
	line[n > 0 ? n : 0] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	return true;
}

bool term_hold(struct term_signals *signals, const int *numbers)
{
	sigset_t wanted;

	sigemptyset(&wanted);
	for (; *numbers != 0; numbers++) {
		sigaddset(&wanted, *numbers);
	}
	signals->fd = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals->fd >= 0) {
		sigprocmask(SIG_BLOCK, &wanted, &signals->before);
	}
	return signals->fd >= 0;
}

void term_let_go(struct term_signals *signals)
{
	if (signals->fd >= 0) {
		close(signals->fd);
		signals->fd = -1;
		sigprocmask(SIG_SETMASK, &signals->before, NULL);
	}
}

int term_take_signal(const struct term_signals *signals)
{
	struct signalfd_siginfo info;

	if (signals->fd < 0 || read(signals->fd, &info, sizeof(info)) != (ssize_t)sizeof(info)) {
		return 0;
	}
	return (int)info.ssi_signo;
}
