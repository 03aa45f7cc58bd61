'use client';

import { useEffect, useState } from 'react';
import { report } from '../page.js';

export default function Page() {
  const [text, setText] = useState('computing');
  useEffect(() => {
    void report().then(({ onPage }) => setText(String(onPage.losses)));
  }, []);
  return <p>{text}</p>;
}
