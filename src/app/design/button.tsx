/** Buttons: `primary` is the one thing to do next, `plain` everything else, `quiet` what is rarely wanted. */
import type { ButtonHTMLAttributes, ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { Icon, type IconName } from './icon.tsx';
import './button.css';

export interface ButtonProps
  extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, 'icon' | 'size' | 'class' | 'type' | 'disabled'> {
  readonly kind?: 'primary' | 'plain' | 'quiet' | 'danger';
  readonly size?: 'small' | 'usual' | 'large';
  readonly icon?: IconName;
  readonly disabled?: boolean;
  readonly type?: 'button' | 'submit';
  readonly children?: ComponentChildren;
}

export function Button({
  kind = 'plain',
  size = 'usual',
  icon,
  children,
  type = 'button',
  disabled = false,
  onClick,
  ...rest
}: ButtonProps) {
  const element = useRef<HTMLButtonElement>(null);
  const [, redraw] = useState(0);
  // Who has just pressed it holds it, and a disabled element would drop the focus: until it moves on, the button says that it is
  // disabled and does nothing.
  const held = disabled && element.current !== null && element.current === document.activeElement;
  return (
    <button
      {...rest}
      ref={element}
      type={type}
      class={`button ${kind} ${size}`}
      disabled={disabled && !held}
      aria-disabled={held ? true : undefined}
      onClick={held ? refuse : onClick}
      onBlur={held ? () => redraw((count) => count + 1) : undefined}
    >
      {icon ? <Icon name={icon} size={size === 'small' ? 15 : 18} /> : undefined}
      {children}
    </button>
  );
}

const refuse = (event: Event): void => event.preventDefault();

/** A link that looks like a button. */
export function ButtonLink({
  kind = 'plain',
  size = 'usual',
  icon,
  children,
  ...rest
}: Pick<ButtonProps, 'kind' | 'size' | 'icon' | 'children'> & {
  readonly href: string;
  readonly download?: string;
  readonly target?: string;
}) {
  return (
    <a {...rest} class={`button ${kind} ${size}`}>
      {icon ? <Icon name={icon} size={size === 'small' ? 15 : 18} /> : undefined}
      {children}
    </a>
  );
}

/** A button that shows an icon alone and says its name to those who can't see it. */
export function IconButton({
  icon,
  label,
  ...rest
}: { readonly icon: IconName; readonly label: string } & Omit<
  ButtonHTMLAttributes<HTMLButtonElement>,
  'icon' | 'class' | 'type'
>) {
  return (
    <button {...rest} type="button" class="icon-button" aria-label={label} title={label}>
      <Icon name={icon} />
    </button>
  );
}
