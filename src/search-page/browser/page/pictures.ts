interface PictureParts {
  readonly pick: HTMLButtonElement;
  readonly file: HTMLInputElement;
  /** Shown while a file hangs over the page. */
  readonly veil: HTMLElement;
}

/** A picture comes by a button, by dropping it anywhere, or by pasting it. */
export function takePictures(
  { pick, file, veil }: PictureParts,
  { take, refuse }: { take: (picture: Blob) => void; refuse: (sentence: string) => void },
): void {
  const takeFirst = (files: FileList | undefined): void => {
    const picture = [...(files ?? [])].find(({ type }) => type.startsWith('image/'));
    if (picture) take(picture);
    else if (files && files.length > 0) refuse('This is no picture. Drop a JPEG, PNG or WebP file.');
    else refuse("Only the picture's address came. Save the picture first, then drop its file.");
  };
  pick.addEventListener('click', () => file.click());
  file.addEventListener('change', () => {
    if (file.files && file.files.length > 0) takeFirst(file.files);
    file.value = ''; // the same file can be taken again
  });
  const over = (event: DragEvent, shown: boolean): void => {
    event.preventDefault();
    veil.hidden = !shown;
  };
  addEventListener('dragover', (event) => over(event, true));
  addEventListener('dragleave', (event) => over(event, event.relatedTarget !== null));
  addEventListener('drop', (event) => {
    over(event, false);
    takeFirst(event.dataTransfer?.files);
  });
  addEventListener('paste', (event) => {
    const files = event.clipboardData?.files;
    if (files && files.length > 0) takeFirst(files); // pasted words go into the field
  });
}
