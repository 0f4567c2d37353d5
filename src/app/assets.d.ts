/** What Vite lets a page import besides code: style sheets, pictures, texts. */
/// <reference types="vite/client" />
