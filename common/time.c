/* time: see time.h. Calendar arithmetic is done here, so that no locale or time zone of the machine can reach it. */
#include "common/time.h"

#include "common/arena.h"

#include <stdio.h>
#include <time.h>

static int64_t read_clock_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t time_now_ms(void)
{
    return read_clock_us(CLOCK_REALTIME) / 1000;
}

int64_t time_mono_ms(void)
{
    return read_clock_us(CLOCK_MONOTONIC) / 1000;
}

int64_t time_mono_us(void)
{
    return read_clock_us(CLOCK_MONOTONIC);
}

struct date {
    int64_t year;
    int month, day, hour, minute, second, ms, weekday;
};

/* Days since the epoch of a date in the proleptic Gregorian calendar: years begin in March, so that the leap day is
 * the last. */
static int64_t days_of(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

/* Clamped to the years 1 to 9999, which is all that the textual forms can hold. */
static struct date date_of(int64_t ms)
{
    const int64_t first = -62135596800000, last = 253402300799999;
    ms = ms < first ? first : ms > last ? last : ms;
    int64_t days = ms / 86400000 - (ms % 86400000 < 0), rest = ms - days * 86400000;
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int month_from_march = (int)((5 * day_of_year + 2) / 153);
    struct date date = {
        .month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9,
        .day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1),
        .hour = (int)(rest / 3600000),
        .minute = (int)(rest / 60000 % 60),
        .second = (int)(rest / 1000 % 60),
        .ms = (int)(rest % 1000),
        .weekday = (int)(((days + 4) % 7 + 7) % 7),
    };
    date.year = year_of_era + era * 400 + (date.month <= 2);
    return date;
}

slice time_iso8601(struct arena *arena, int64_t ms, bool with_ms)
{
    struct date d = date_of(ms);
    slice text = arena_printf(arena, "%04lld-%02d-%02dT%02d:%02d:%02d.%03dZ", (long long)d.year, d.month, d.day, d.hour,
                              d.minute, d.second, d.ms);
    if (with_ms)
        return text;
    return arena_concat(arena, slice_sub(text, 0, text.len - 5), S("Z"));
}

void time_iso8601_into(int64_t ms, char out[25])
{
    struct date d = date_of(ms);
    snprintf(out, 25, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", (unsigned)d.year % 10000, (unsigned)d.month % 100,
             (unsigned)d.day % 100, (unsigned)d.hour % 100, (unsigned)d.minute % 100, (unsigned)d.second % 100,
             (unsigned)d.ms % 1000);
}

static const char weekdays[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

void time_rfc1123(int64_t ms, char out[30])
{
    struct date d = date_of(ms);
    unsigned day = (unsigned)d.day % 100, year = (unsigned)d.year % 10000;
    snprintf(out, 30, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT", weekdays + d.weekday * 3, day,
             months + (d.month - 1) * 3, year, (unsigned)d.hour % 100, (unsigned)d.minute % 100,
             (unsigned)d.second % 100);
}

/* Exactly count digits. */
static bool take_digits(slice *text, size_t count, int *value)
{
    *value = 0;
    if (text->len < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        char c = text->ptr[i];
        if (c < '0' || c > '9')
            return false;
        *value = *value * 10 + (c - '0');
    }
    *text = slice_sub(*text, count, text->len);
    return true;
}

static bool take_char(slice *text, char c)
{
    if (text->len == 0 || text->ptr[0] != c)
        return false;
    *text = slice_sub(*text, 1, text->len);
    return true;
}

static bool take_clock(slice *text, int64_t *ms)
{
    int hour, minute, second;
    if (!take_digits(text, 2, &hour) || !take_char(text, ':') || !take_digits(text, 2, &minute) ||
        !take_char(text, ':') || !take_digits(text, 2, &second) || hour > 23 || minute > 59 || second > 60)
        return false;
    *ms = ((hour * 60 + minute) * 60 + second) * 1000LL;
    return true;
}

/* False for a point without digits. */
static bool take_fraction(slice *text, int64_t *ms)
{
    int digit, weight = 100;
    if (!take_char(text, '.'))
        return true;
    if (text->len == 0 || text->ptr[0] < '0' || text->ptr[0] > '9')
        return false;
    while (take_digits(text, 1, &digit)) {
        *ms += (int64_t)digit * weight;
        weight /= 10;
    }
    return true;
}

/* "Z", "+hh:mm", "-hhmm" or nothing. */
static bool take_zone(slice *text, int64_t *ms)
{
    int hours, minutes;
    if (text->len == 0 || take_char(text, 'Z') || take_char(text, 'z'))
        return text->len == 0;
    bool east = take_char(text, '+');
    if (!east && !take_char(text, '-'))
        return false;
    if (!take_digits(text, 2, &hours))
        return false;
    take_char(text, ':');
    if (!take_digits(text, 2, &minutes) || text->len > 0 || hours > 23 || minutes > 59)
        return false;
    int64_t offset = (hours * 60LL + minutes) * 60000;
    *ms += east ? -offset : offset;
    return true;
}

static bool is_date(int year, int month, int day)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month >= 1 && month <= 12 && day >= 1 && day <= lengths[month - 1] + (month == 2 && leap);
}

static bool parse_iso8601(slice text, int64_t *ms)
{
    int year, month, day;
    int64_t clock = 0;
    if (!take_digits(&text, 4, &year) || !take_char(&text, '-') || !take_digits(&text, 2, &month) ||
        !take_char(&text, '-') || !take_digits(&text, 2, &day) || !is_date(year, month, day))
        return false;
    if (text.len > 0) {
        if (!take_char(&text, 'T') && !take_char(&text, 't') && !take_char(&text, ' '))
            return false;
        if (!take_clock(&text, &clock) || !take_fraction(&text, &clock) || !take_zone(&text, &clock))
            return false;
    }
    *ms = days_of(year, month, day) * 86400000 + clock;
    return true;
}

static bool is_utc(slice zone)
{
    return slice_eq(zone, S(" GMT")) || slice_eq(zone, S(" UTC")) || slice_eq(zone, S(" +0000"));
}

static bool parse_rfc1123(slice text, int64_t *ms)
{
    int day, month = 0, year;
    int64_t clock;
    if (text.len < 29 || text.ptr[3] != ',' || text.ptr[4] != ' ')
        return false;
    text = slice_sub(text, 5, text.len);
    if (!take_digits(&text, 2, &day) || !take_char(&text, ' '))
        return false;
    while (month < 12 && !slice_starts(text, (slice){months + month * 3, 3}))
        month++;
    text = slice_sub(text, 3, text.len);
    if (month == 12 || !take_char(&text, ' ') || !take_digits(&text, 4, &year) || !take_char(&text, ' ') ||
        !take_clock(&text, &clock) || !is_utc(text) || !is_date(year, month + 1, day))
        return false;
    *ms = days_of(year, month + 1, day) * 86400000 + clock;
    return true;
}

bool time_parse(slice text, int64_t *ms)
{
    double seconds;
    text = slice_trim(text);
    if (parse_iso8601(text, ms) || parse_rfc1123(text, ms))
        return true;
    if (!slice_to_double(text, &seconds) || seconds > 9e12 || seconds < -9e12)
        return false;
    *ms = (int64_t)(seconds * 1000 + (seconds < 0 ? -0.5 : 0.5));
    return true;
}
