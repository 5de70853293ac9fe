/* Walks recurrence rules with libical, on the wall clock, for scripts/differential/run.
 * In: DTSTART <tab> rule <tab> last wall-clock time <tab> most starts. Out: the starts, or "error". */
#include <libical/ical.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
    static char line[65536];
    icalerror_set_errors_are_fatal(0);
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        char *start = strtok(line, "\t"), *rule = strtok(NULL, "\t");
        char *last = strtok(NULL, "\t"), *most = strtok(NULL, "\t");
        if (!start || !rule || !last || !most) {
            return 1;
        }
        struct icaltimetype end = icaltime_from_string(last);
        struct icalrecurrencetype recurrence = icalrecurrencetype_from_string(rule);
        icalrecur_iterator *iterator =
            recurrence.freq == ICAL_NO_RECURRENCE
                ? NULL
                : icalrecur_iterator_new(recurrence, icaltime_from_string(start));
        if (!iterator) {
            puts("error");
            fflush(stdout);
            continue;
        }
        long left = atol(most);
        struct icaltimetype at = icalrecur_iterator_next(iterator);
        while (left-- > 0 && !icaltime_is_null_time(at) && icaltime_compare(at, end) <= 0) {
            printf("%04d%02d%02dT%02d%02d%02d ", at.year, at.month, at.day, at.hour, at.minute,
                   at.second);
            at = icalrecur_iterator_next(iterator);
        }
        puts(left < 0 ? "more" : "");
        fflush(stdout);
        icalrecur_iterator_free(iterator);
    }
    return 0;
}
