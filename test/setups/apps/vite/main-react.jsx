/* global document */
import { StrictMode, useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { report } from './page.js';

function App() {
  const [text, setText] = useState('computing');
  useEffect(() => {
    void report().then(({ onPage }) => setText(String(onPage.losses)));
  }, []);
  return <p>{text}</p>;
}

createRoot(document.getElementById('app')).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
