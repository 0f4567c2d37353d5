/** Short words that something was done; they go by themselves and take no room of the page. */
import { useApp } from '../state.ts';
import './toasts.css';

export function Toasts() {
  const { notices } = useApp();
  return (
    <div class="toasts" role="status">
      {notices.toasts.value.map(({ id, text }) => (
        <div key={id} class="toast">
          {text}
        </div>
      ))}
    </div>
  );
}
