// What a first rank is worth. A ranking always has a first; whether it is the right person is another question.

/** A lead this small says nothing about which of the two persons it is: a rule of thumb, kept on the careful side. */
export const NARROW = 0.05;

/** How far the best match leads the best match of somebody else, or null where nobody else is among the matches. */
export function lead(matches) {
  const [first] = matches;
  if (!first?.person_id) return null;
  const other = matches.find((match) => match.person_id && match.person_id !== first.person_id);
  return other ? { by: first.score - other.score, person: other.person_id } : null;
}

/** {sure, text}: one sentence for people who read nothing else. threshold: {score, false_match_rate} or null. */
export function verdict(matches, threshold, calibrated) {
  const [first] = matches;
  if (!first) return null;
  const who = first.person_id ?? "the first card";
  const ahead = lead(matches);
  if (threshold && first.score < threshold.score) {
    return { sure: false, text: `No match: even the most similar sighting lies below your line of ${score(threshold.score)}.` };
  }
  if (ahead && ahead.by < NARROW) {
    return {
      sure: false,
      text: `Unsure: ${who} leads ${ahead.person} by only ${score(ahead.by)}. Compare the pictures of both.`,
    };
  }
  if (threshold) return { sure: true, text: `${who} lies above your line.` };
  const clear = ahead ? `${who} leads the next person by ${score(ahead.by)}. ` : "";
  const why = calibrated ? "" : "This model has no calibration: scores rank sightings, they do not say that it is the same person.";
  return { sure: false, quiet: true, text: clear + why };
}

export const score = (value) => value.toFixed(3);

export function rate(value) {
  return value >= 0.01 ? `${+(value * 100).toFixed(1)} %` : `1 in ${Math.round(1 / value).toLocaleString()}`;
}
