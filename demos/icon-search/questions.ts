/** What search.ts asks when nobody else does: things, deeds, signs and feelings, in a person's words. */
export const QUESTIONS = [
  'delete',
  'shopping cart',
  'go back',
  'bad weather',
  'musical instrument',
  'wild animal',
  'send a letter',
  'no sound',
  'something to drink',
  'money',
  'lock with a key',
  'medicine',
  'pie chart',
  'fast vehicle',
  'happy face',
  'sleep at night',
];
