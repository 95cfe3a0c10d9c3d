// The colors of the page as the style sheet says them, light or dark.

export interface Theme {
  dark: boolean;
  ink: string;
  quiet: string;
  line: string;
  paper: string;
  stage: string;
}

const prefersDark = matchMedia("(prefers-color-scheme: dark)");

export const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

export function currentTheme(): Theme {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    dark: prefersDark.matches,
    ink: color("ink"),
    quiet: color("quiet"),
    line: color("line"),
    paper: color("paper"),
    stage: color("stage"),
  };
}

export function onThemeChange(changed: () => void): void {
  prefersDark.addEventListener("change", changed);
}
