//! The proleptic Gregorian calendar in plain numbers: day 0 is 1970-01-01, weekday 0 is Monday.
//!
//! Walking a rule needs little of a calendar and needs it fast, far beyond the years a checked type allows.

/// The number of a date. Days of the month may lie outside the month; they count on.
pub(super) fn day_number(year: i64, month: u32, day: u32) -> i64 {
    let (year, month) = (year - i64::from(month <= 2), i64::from(month));
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The year, month and day of the month of a day.
pub(super) fn date(day: i64) -> (i64, u32, u32) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, u32::try_from(month).unwrap_or(1), u32::try_from(day).unwrap_or(1))
}

pub(super) fn weekday(day: i64) -> u32 {
    u32::try_from((day + 3).rem_euclid(7)).unwrap_or(0)
}

pub(super) fn year_len(year: i64) -> u32 {
    365 + u32::from(is_leap(year))
}

pub(super) fn month_len(year: i64, month: u32) -> u32 {
    match month {
        2 => 28 + u32::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// The first day of week 1: the first week, beginning on `week_start`, with four days or more in the year.
pub(super) fn first_week(year: i64, week_start: u32) -> i64 {
    let fourth = day_number(year, 1, 4);
    fourth - i64::from((weekday(fourth) + 7 - week_start) % 7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_dates_agree_with_jiff_from_year_1_to_9999() {
        let epoch = jiff::civil::date(1970, 1, 1);
        for number in (-719_162..=2_932_896).step_by(97) {
            let expected = epoch + jiff::Span::new().days(number);
            let (year, month, day) = date(number);
            assert_eq!(
                (year, month, day),
                (
                    i64::from(expected.year()),
                    u32::try_from(expected.month()).unwrap(),
                    u32::try_from(expected.day()).unwrap(),
                )
            );
            assert_eq!(day_number(year, month, day), number);
            assert_eq!(
                weekday(number),
                u32::try_from(expected.weekday().to_monday_zero_offset()).unwrap()
            );
            assert_eq!(month_len(year, month), u32::try_from(expected.days_in_month()).unwrap());
            assert_eq!(year_len(year), u32::try_from(expected.days_in_year()).unwrap());
        }
    }

    #[test]
    fn weeks_are_numbered_as_iso_8601_does_when_they_begin_on_monday() {
        assert_eq!(first_week(2026, 0), day_number(2025, 12, 29));
        assert_eq!(first_week(2027, 0), day_number(2027, 1, 4));
        assert_eq!(first_week(2027, 6), day_number(2027, 1, 3));
    }
}
