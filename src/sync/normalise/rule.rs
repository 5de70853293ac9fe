//! What is kept of the text of a rule: the words that rules are made of, and nothing else.

/// Every word that a rule may hold (RFC 5545 3.3.10, RFC 7529).
const WORDS: [&str; 52] = [
    "FREQ",
    "SECONDLY",
    "MINUTELY",
    "HOURLY",
    "DAILY",
    "WEEKLY",
    "MONTHLY",
    "YEARLY",
    "UNTIL",
    "COUNT",
    "INTERVAL",
    "BYSECOND",
    "BYMINUTE",
    "BYHOUR",
    "BYDAY",
    "BYMONTHDAY",
    "BYYEARDAY",
    "BYWEEKNO",
    "BYMONTH",
    "BYSETPOS",
    "WKST",
    "MO",
    "TU",
    "WE",
    "TH",
    "FR",
    "SA",
    "SU",
    "T",
    "Z",
    "L",
    "RSCALE",
    "SKIP",
    "OMIT",
    "BACKWARD",
    "FORWARD",
    "GREGORIAN",
    "ISO",
    "CHINESE",
    "DANGI",
    "HEBREW",
    "INDIAN",
    "ISLAMIC",
    "PERSIAN",
    "COPTIC",
    "ETHIOPIC",
    "JAPANESE",
    "BUDDHIST",
    "ROC",
    "RRULE",
    "EXRULE",
    "X",
];

/// The rule as it is kept: a word that no rule knows may be anybody's, and becomes `?`. It means nothing to
/// whoever expands the rule either way.
pub(super) fn kept(rule: &str) -> String {
    let mut kept = String::with_capacity(rule.len());
    let mut rest = rule;
    while let Some(letter) = rest.chars().next() {
        let is_part = |letter: char| letter.is_alphabetic() || !letter.is_ascii();
        let end = if is_part(letter) {
            rest.find(|letter| !is_part(letter)).unwrap_or(rest.len())
        } else {
            rest.find(is_part).unwrap_or(rest.len())
        };
        let (run, after) = rest.split_at(end);
        let is_known = !is_part(letter) || WORDS.iter().any(|word| word.eq_ignore_ascii_case(run));
        kept.push_str(if is_known { run } else { "?" });
        rest = after;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::kept;

    #[test]
    fn a_rule_stays_as_it_is() {
        for rule in [
            "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,-1FR;WKST=SU;UNTIL=20270301T080000Z",
            "freq=daily;count=3",
            "FREQ=DAILY\\;COUNT=10",
            "RSCALE=GREGORIAN;FREQ=YEARLY;SKIP=FORWARD;BYMONTH=5L;",
            "",
        ] {
            assert_eq!(kept(rule), rule);
        }
    }

    #[test]
    fn what_no_rule_knows_is_not_kept() {
        assert_eq!(kept("FREQ=anna;X-NOTE=Besuch bei Dr. Müller 7"), "FREQ=?;X-?=? ? ?. ? 7");
        assert_eq!(kept("FREQ=DAILY;UNTL=20270301"), "FREQ=DAILY;?=20270301");
    }
}
